# SPDX-License-Identifier: Apache-2.0
"""All steps of a flow are looked at, and nothing is done."""

from collections.abc import Collection

import pytest

from amphv2_bootstrap.errors import CancelledError, TransientError
from amphv2_bootstrap.steps.base import UNCHANGED, Change, Kind, Seen, Step, StepResult
from amphv2_bootstrap.steps.plan.foresight import Planned, State, foresee
from tests.unit.steps.controller_host import PASSWORD, Controller


class Looking(Step):
    """Has one change, or fails; notes what is ahead of it."""

    atom_name = "look"
    aim = "look"
    error: Exception | None = None
    seen_ahead: Collection[str] = ()

    def look(self, ahead: Collection[str] = ()) -> Seen:
        self.seen_ahead = {*ahead}
        if self.error is not None:
            raise self.error
        change = Change(Kind.SQL, "db", f"SET x = '{PASSWORD}'", self._act)
        return Seen(StepResult(UNCHANGED, "done"), (change,))

    def _act(self) -> None:
        raise AssertionError("a look acts")


class Following(Looking):
    """Another step of the flow."""

    atom_name = "follow"


def _foreseen(controller: Controller, error: Exception | None) -> list[Planned]:
    first, second = Looking(controller.context), Following(controller.context)
    first.error = error
    found = list(foresee([first, second], {"before"}))
    ahead = {"before"} if error else {"before", "look"}
    assert second.seen_ahead == ahead
    return found


def test_a_change_is_shown_without_secrets(controller: Controller) -> None:
    """It isn't carried out, and the steps after it know that it comes."""
    first, second = _foreseen(controller, None)
    assert first.state == second.state == State.CHANGES
    assert [change.text for change in first.changes] == ["SET x = '***'"]


@pytest.mark.parametrize("error", [TransientError("reach it"), ValueError(PASSWORD)])
def test_a_problem_does_not_end_the_looks(
    error: Exception, controller: Controller
) -> None:
    """Not even one that this program doesn't know."""
    first, second = _foreseen(controller, error)
    assert (first.state, second.state) == (State.PROBLEM, State.CHANGES)
    assert PASSWORD not in first.problem


def test_a_cancelled_look_ends_all(controller: Controller) -> None:
    """Nobody waits for the rest."""
    with pytest.raises(CancelledError):
        _foreseen(controller, CancelledError("look"))
