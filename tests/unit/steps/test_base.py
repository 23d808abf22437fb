# SPDX-License-Identifier: Apache-2.0
"""A revert undoes what a step made, however the step ended, and nothing else."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from taskflow.types import failure

from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.errors import (
    BootstrapError,
    CancelledError,
    PermanentError,
    TransientError,
)
from amphv2_bootstrap.steps import retry_policy
from amphv2_bootstrap.steps.base import (
    CHANGED,
    UNCHANGED,
    Change,
    Context,
    Kind,
    Seen,
    Step,
    StepResult,
)
from amphv2_bootstrap.steps.retry_policy import RetryPolicy
from tests.clock import Clock
from tests.unit.steps.controller_host import Controller

WRONG, AWAY = PermanentError("make it"), TransientError("make it")


class Maker(Step):
    """Makes one thing, and fails during that or afterwards, as the test wants."""

    atom_name = "make"
    aim = "make one thing"

    def __init__(
        self,
        context: Context,
        within: BootstrapError | None = None,
        after: BootstrapError | None = None,
        is_there: bool = False,
    ) -> None:
        super().__init__(context)
        self._within, self._after, self._is_there = within, after, is_there
        self.undone: tuple[str, ...] = ()

    def look(self, ahead: Collection[str] = ()) -> Seen:
        if self._is_there:
            return Seen(StepResult(UNCHANGED, "it is there"))
        made = StepResult(CHANGED, "made it")
        return Seen(made, (Change(Kind.COMMAND, "here", "make it", self._make),))

    def _make(self) -> None:
        with self.making("thing"):
            if self._within:
                raise self._within

    def conclude(self, seen: Seen) -> StepResult:
        if self._after:
            raise self._after
        return replace(seen.result, made=self.intents.all())

    def undo(self, result: StepResult) -> None:
        self.undone = result.made


class Asker(Step):
    """Asks twice what is installed; its first attempt fails."""

    atom_name = "ask"
    aim = "ask Octavia's Python"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        python = self.context.host.octavia_python
        assert python is not None
        found = [introspection.versions(python)["octavia"] for _ in range(2)]
        if found == ["1", "1"]:
            raise TransientError("find it")
        return Seen(StepResult(UNCHANGED, f"found {found}"))


def test_an_attempt_asks_once(controller: Controller) -> None:
    """The next attempt sees what was installed since."""
    asked = controller.folder / "asked"
    versions = '{"octavia": "%s", "taskflow": "1", "oslo.config": "1"}'
    controller.settings["octavia_python"] = controller.program(
        "python",
        f"""echo >> {asked}
count=$(wc -l < {asked})
printf '{{"versions": {versions}}}' "$count"
""",
    )
    context = replace(controller.context, retry=RetryPolicy(first_wait=0, max_wait=0))
    assert Asker(context).execute()["summary"] == "found ['2', '2']"
    assert len(asked.read_text().splitlines()) == 2


def _undone(step: Maker) -> tuple[str, ...]:
    """Run the step and revert it as taskflow does."""
    try:
        result: object = step.execute()
    except BootstrapError as exc:
        result = failure.Failure.from_exception(exc)
    step.revert(result)
    return step.undone


@pytest.mark.parametrize(
    ("within", "after", "expected"),
    [
        (None, None, ("thing",)),
        (None, WRONG, ("thing",)),
        (AWAY, None, ("thing",)),
        (WRONG, None, ()),
    ],
    ids=["completed", "failed later", "perhaps made", "refused"],
)
def test_what_was_made_is_undone(
    within: BootstrapError | None,
    after: BootstrapError | None,
    expected: tuple[str, ...],
    controller: Controller,
) -> None:
    """It is undone, too, if the step fails later, or doesn't know whether it exists."""
    assert _undone(Maker(controller.context, within, after)) == expected


def test_what_an_ended_run_made_is_undone(controller: Controller) -> None:
    """The next run finds it, and knows that this job made it."""
    killed = Maker(controller.context, within=AWAY)
    with pytest.raises(TransientError):
        killed.execute()
    following = Maker(controller.context, is_there=True)
    following.intents = killed.intents
    assert _undone(following) == ("thing",)


def test_what_was_there_is_not_undone(controller: Controller) -> None:
    """The step made nothing, so a revert undoes nothing (promise P6)."""
    assert _undone(Maker(controller.context, is_there=True)) == ()


_PATIENT = RetryPolicy(first_wait=0.0, max_wait=0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Moved by the attempts alone."""
    clock = Clock()
    monkeypatch.setattr(retry_policy, "time", clock)
    return clock


class Reluctant(Maker):
    """``act`` and ``undo`` take a minute, and fail as often as the test wants."""

    clock: Clock
    failures: list[BootstrapError]

    def act(self) -> StepResult:
        self._fail()
        return super().act()

    def undo(self, result: StepResult) -> None:
        self._fail()
        super().undo(result)

    def _fail(self) -> None:
        self.clock.advance(60.0)
        if self.failures:
            raise self.failures.pop()


@pytest.fixture
def reluctant(controller: Controller, clock: Clock) -> Reluctant:
    """It does not fail yet."""
    step = Reluctant(replace(controller.context, retry=_PATIENT))
    step.clock, step.failures = clock, []
    return step


@pytest.mark.parametrize("first", [60.0, 3600.0])
def test_a_step_outlasts_five_minutes(first: float, reluctant: Reluctant) -> None:
    """From its first failure on, however late that comes."""
    reluctant.clock.advance(first)
    reluctant.failures = [AWAY] * 5
    assert reluctant.execute()["effect"] == CHANGED


def test_a_step_fails_after_five_minutes(reluctant: Reluctant) -> None:
    """The last transient error is raised, and the step isn't tried again."""
    reluctant.failures = [AWAY] * 7
    with pytest.raises(TransientError):
        reluctant.execute()
    assert len(reluctant.failures) == 1


def test_each_retry_is_recorded_with_its_reason(reluctant: Reluctant) -> None:
    """Not the error that ends the step; waiting for that costs no patience."""
    recorded: list[str] = []

    def record(reason: str) -> None:
        recorded.append(reason)
        reluctant.clock.advance(1000.0)

    reluctant.record_retry = record
    reluctant.failures = [WRONG, AWAY, TransientError("reach it")]
    with pytest.raises(PermanentError):
        reluctant.execute()
    assert recorded == ["reach it", "make it"]


def test_a_wait_between_attempts_can_be_cancelled(controller: Controller) -> None:
    """At once, however long the wait is."""
    hours = RetryPolicy(first_wait=3600.0, max_wait=3600.0)
    step = Maker(replace(controller.context, retry=hours), within=AWAY)
    step.record_retry = lambda _: step.context.cancelled.set()
    with pytest.raises(CancelledError):
        step.execute()


def _undone_later(step: Reluctant, *failures: BootstrapError) -> tuple[str, ...]:
    """Run the step, and revert it with these failures."""
    result = step.execute()
    step.failures = list(failures)
    step.revert(result)
    return step.undone


def test_undo_is_tried_again(reluctant: Reluctant) -> None:
    """A short outage of the database doesn't park a revert."""
    assert _undone_later(reluctant, AWAY, AWAY) == ("thing",)


@pytest.mark.parametrize(
    ("failures", "left"),
    [((WRONG,) * 7, 6), ((AWAY,) * 7, 1)],
    ids=["for good", "for too long"],
)
def test_undo_fails_in_the_end(
    reluctant: Reluctant, failures: Sequence[BootstrapError], left: int
) -> None:
    """A permanent error, or the last of several transient ones, is raised."""
    with pytest.raises(type(failures[0])):
        _undone_later(reluctant, *failures)
    assert len(reluctant.failures) == left
