# SPDX-License-Identifier: Apache-2.0
"""A look reports what the steps of a flow have seen, in bounded space."""

import json
from dataclasses import replace

import pytest

from amphv2_bootstrap.steps.base import Change, Kind, StepResult
from amphv2_bootstrap.steps.plan.foresight import Planned, State
from amphv2_bootstrap.steps.plan.look import LONGEST, LONGEST_TEXT, Look, bounded
from tests.unit.steps.controller_host import PASSWORD, Controller
from tests.unit.steps.plan.test_foresight import Following, Looking


def test_the_report_is_what_was_seen(controller: Controller) -> None:
    """With what comes before it, without secrets, and as it was after a round trip."""
    context = replace(controller.context, ahead=lambda: {"install"})
    steps = [Looking(context), Following(context)]
    result = Look(context, steps, "shape").execute()
    assert steps[0].seen_ahead == {"install"}
    assert result["effect"] == "unchanged"
    assert result["summary"] == "changes: 2, problems: 0"
    text = json.dumps(result)
    assert PASSWORD not in text
    report = StepResult.from_dict(json.loads(text)).report
    assert report["shape"] == "shape"
    first, second = map(Planned.from_dict, report["steps"])
    assert (first.step, second.step) == ("look", "follow")
    assert first.changes == (Change(Kind.SQL, "db", "SET x = '***'"),)


def test_a_long_report_is_cut() -> None:
    """A text by its own length, and the later steps' by that of all; states stay."""
    change = Change(Kind.FILE, "f", "x" * (LONGEST_TEXT + 1))
    one = Planned("s", "aim", State.CHANGES, changes=(change,) * 2, problem="why")
    found = list(bounded([one] * 20))
    assert len(json.dumps([each.to_dict() for each in found])) < LONGEST + 20_000
    assert "shows all" in found[0].changes[0].text[-100:]
    assert [each.state for each in found] == [State.CHANGES] * 20
    assert all(each.changes and each.problem for each in found)


@pytest.mark.parametrize("change", [{"state": "new"}, {"more": 1}, {"changes": [1]}])
def test_a_report_of_another_form_is_an_error(change: dict[str, object]) -> None:
    """A newer version may have written it."""
    data = Planned("s", "aim", State.CHANGES).to_dict()
    with pytest.raises(ValueError, match=r"new|form"):
        Planned.from_dict({**data, **change})
