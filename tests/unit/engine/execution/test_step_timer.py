# SPDX-License-Identifier: Apache-2.0
"""The time of each attempt of a step is measured, on a clock that a test moves."""

import pytest
from taskflow import task
from taskflow.patterns import linear_flow
from taskflow.types import notifier

from amphv2_bootstrap.engine.execution import step_timer
from amphv2_bootstrap.engine.execution.step_timer import StepTimer
from amphv2_bootstrap.engine.step_limits import StepLimits
from tests.clock import Clock


class Step(task.Task):
    """A step; ``time_limit`` is its own limit."""

    def __init__(self, name: str, time_limit: float | None = None) -> None:
        super().__init__(name)
        self.time_limit = time_limit

    def execute(self) -> None:
        """Nothing runs it."""


class Engine:
    """As much of a taskflow engine as is watched."""

    def __init__(self) -> None:
        self.atom_notifier = notifier.Notifier()

    def change(self, step: str, state: str) -> None:
        self.atom_notifier.notify(state, {"task_name": step})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(step_timer, "time", clock)
    return clock


def _timer(limits: StepLimits, *steps: Step) -> tuple[StepTimer, Engine]:
    timer, engine = StepTimer(limits), Engine()
    timer.watch(engine, linear_flow.Flow("main").add(*steps))
    return timer, engine


def test_a_step_is_late_after_its_limit(clock: Clock) -> None:
    """It is asked to stop once, and hangs when the grace is over, too."""
    timer, engine = _timer(StepLimits(timeout=10, grace=5), Step("a"))
    assert not timer.is_over()
    engine.change("a", "RUNNING")
    clock.advance(9)
    assert not timer.is_over()
    clock.advance(1)
    assert [timer.is_over(), timer.is_over()] == [True, False]
    assert timer.missed == "a: it did not end within 10 s"
    clock.advance(4)
    assert not timer.is_hanging()
    clock.advance(1)
    assert timer.is_hanging()


def test_the_grace_begins_when_the_step_is_told(clock: Clock) -> None:
    """A machine that slept past limit and grace leaves no step behind at once."""
    timer, engine = _timer(StepLimits(timeout=10, grace=5), Step("a"))
    engine.change("a", "REVERTING")
    clock.advance(3600)
    assert timer.is_over()
    assert not timer.is_hanging()


@pytest.mark.parametrize("end", ["SUCCESS", "FAILURE", "REVERTED", "REVERT_FAILURE"])
def test_a_step_that_has_ended_is_not_late(clock: Clock, end: str) -> None:
    """Neither before it was asked to stop nor after it."""
    timer, engine = _timer(StepLimits(timeout=10, grace=5), Step("a"))
    engine.change("a", "RUNNING")
    engine.change("a", end)
    clock.advance(60)
    assert not timer.is_over()
    engine.change("a", "RUNNING")
    clock.advance(60)
    assert timer.is_over()
    engine.change("a", end)
    clock.advance(60)
    assert not timer.is_hanging()


def test_each_attempt_is_measured_anew(clock: Clock) -> None:
    """The time of a step's retries has a bound of its own."""
    timer, engine = _timer(StepLimits(timeout=10), Step("a"))
    engine.change("a", "RUNNING")
    clock.advance(9)
    timer.restart()
    clock.advance(9)
    assert not timer.is_over()


def test_a_steps_own_limit_counts(clock: Clock) -> None:
    """It may be longer or shorter than that of the configuration."""
    steps = Step("long", 60.0), Step("short", 5.0)
    timer, engine = _timer(StepLimits(timeout=10), *steps)
    engine.change("long", "RUNNING")
    clock.advance(59)
    assert not timer.is_over()
    engine.change("long", "SUCCESS")
    engine.change("short", "RUNNING")
    clock.advance(5)
    assert timer.is_over()


def test_without_a_timeout_no_step_is_late(clock: Clock) -> None:
    """0 is no limit, also for a step that has a limit of its own."""
    timer, engine = _timer(StepLimits(timeout=0), Step("a"), Step("b", 5.0))
    for step in ("a", "b"):
        engine.change(step, "RUNNING")
        clock.advance(1e6)
        assert not timer.is_over()
