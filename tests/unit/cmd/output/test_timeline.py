# SPDX-License-Identifier: Apache-2.0
"""The timeline shows each step: state, host, time and result."""

from typing import Any

from amphv2_bootstrap.cmd.output.timeline import Timeline, step_lines
from tests.unit.cmd.reports import flow, task


def _task(**changes: Any) -> dict[str, Any]:
    usual = {"seconds": 1.234, "summary": "created it"}
    return task("ensure-database", **{**usual, **changes})


def test_a_step_is_one_line() -> None:
    """The line has name, state, host, duration and summary."""
    (line,) = step_lines(_task())
    expected = ["ensure-database", "done", "ctl1", "1.23", "s", "created", "it"]
    assert line.split() == expected


def test_a_repeated_step_shows_its_runs() -> None:
    """A step that was run twice says so."""
    assert step_lines(_task(runs=2))[0].endswith("(run 2 times)")


def test_a_step_that_is_tried_again_says_so() -> None:
    """Since when, and why."""
    (line,) = step_lines(
        _task(
            state="RUNNING",
            seconds=None,
            summary=None,
            retrying_since="2026-01-31T09:15:04.250Z",
            retrying_why="reach Redis: refused",
        )
    )
    assert line.endswith("  retrying since 09:15:04 UTC: reach Redis: refused")


def test_warnings_follow_once_at_the_end() -> None:
    """Each warning has its own line, with the steps that gave it."""
    flows = [
        flow("done", _task(host=host, warnings=texts), host=host) | {"waits_for": None}
        for host, texts in (("ctl1", ["one", "two"]), ("ctl2", ["one"]))
    ]
    assert Timeline(flows).human_readable().splitlines()[-3:] == [
        "Warnings:",
        "  one (ensure-database on ctl1, ensure-database on ctl2)",
        "  two (ensure-database on ctl1)",
    ]


def test_a_pending_step_has_no_host_and_no_time() -> None:
    """The line has no value that is not known."""
    (line,) = step_lines(_task(state="PENDING", host=None, seconds=None, summary=None))
    assert line.split() == ["ensure-database", "pending", "-"]


def test_a_parked_flow_shows_its_reason_first() -> None:
    """The reason comes before the steps."""
    failed = _task(state="FAILURE", summary=None, reason="it broke")
    parked = flow("parked", failed, reason="it broke", host="ctl2")
    timeline = Timeline([parked | {"waits_for": None}])
    lines = timeline.human_readable().splitlines()
    assert lines[:2] == ["controller on ctl2: parked", "  ! it broke"]
    assert timeline.machine_readable() == [parked | {"waits_for": None}]
