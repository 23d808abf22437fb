# SPDX-License-Identifier: Apache-2.0
"""A revert undoes what a step made, however the step ended, and nothing else."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from taskflow.types import failure

from amphv2_bootstrap.errors import BootstrapError, PermanentError, TransientError
from amphv2_bootstrap.steps.base import CHANGED, UNCHANGED, Context, Step, StepResult
from amphv2_bootstrap.steps.retry_policy import RetryPolicy
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

    def act(self) -> StepResult:
        if self._is_there:
            return StepResult(UNCHANGED, "it is there", made=self.intents.all())
        with self.making("thing"):
            if self._within:
                raise self._within
        if self._after:
            raise self._after
        return StepResult(CHANGED, "made it", made=self.intents.all())

    def undo(self, result: StepResult) -> None:
        self.undone = result.made


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


class Reluctant(Maker):
    """Its ``undo`` fails as often as the test wants."""

    failures: list[BootstrapError]

    def undo(self, result: StepResult) -> None:
        if self.failures:
            raise self.failures.pop()
        super().undo(result)


_PATIENT = RetryPolicy(attempts=3, first_wait=0.001, max_wait=0.001)


def _reluctant(controller: Controller, *failures: BootstrapError) -> Reluctant:
    step = Reluctant(replace(controller.context, retry=_PATIENT))
    step.failures = list(failures)
    return step


def test_undo_is_tried_again(controller: Controller) -> None:
    """A short outage of the database doesn't park a revert."""
    assert _undone(_reluctant(controller, AWAY, AWAY)) == ("thing",)


@pytest.mark.parametrize(
    ("failures", "left"),
    [((WRONG,) * 4, 3), ((AWAY,) * 4, 1)],
    ids=["for good", "for too long"],
)
def test_undo_fails_in_the_end(
    controller: Controller, failures: Sequence[BootstrapError], left: int
) -> None:
    """A permanent error, or the last of several transient ones, is raised."""
    step = _reluctant(controller, *failures)
    with pytest.raises(type(failures[0])):
        _undone(step)
    assert len(step.failures) == left
