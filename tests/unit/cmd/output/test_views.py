# SPDX-License-Identifier: Apache-2.0
"""The views: what an operator sees during the wait, and at the end."""

import io
from typing import Any

import pytest
from rich.console import Console

from amphv2_bootstrap.cmd.output.views import Bar, Lines, view_of
from tests.unit.cmd.reports import ID, flow, report, task

REASON = "b: make it (x on db1): refused [1045]. Fix [octavia] admin_connection."
UNPAUSE = f"amphv2-bootstrap job unpause {ID}"
FAILED = flow("parked", task("a"), task("b", "FAILURE"), reason=REASON)


class Screen:
    """A terminal of 60 columns, and all output to it."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self.console = Console(
            file=self._text, force_terminal=True, width=60, color_system=None
        )

    @property
    def text(self) -> str:
        return self._text.getvalue()


def _shown(*reports: dict[str, Any]) -> tuple[str, str]:
    """The output of a bar for these reports, until its end and after it."""
    screen = Screen()
    with Bar(screen.console) as bar:
        for each in reports:
            bar.show(each)
    live = screen.text
    bar.finish(reports[-1])
    return live, screen.text.removeprefix(live)


def test_the_bar_counts_steps_and_names_the_one_under_way() -> None:
    """The bar counts the steps of all flows, in any state."""
    under_way = flow("running", task("a"), task("b", "RUNNING"))
    waiting = flow("waiting", task("c", "PENDING", host=None), host="ctl1")
    live, after = _shown(report("running", under_way, waiting))
    assert "b on ctl1" in live
    assert "1/3" in live
    assert after == ""


def test_the_bar_ends_with_the_parked_flow_and_its_reason() -> None:
    """Step, reason and advice follow the bar, complete and without markup."""
    live, after = _shown(report("parked", FAILED))
    assert "Fix" not in live
    lines = [line.strip() for line in after.splitlines()]
    assert lines == [
        "cloud: parked",
        "step:   b on ctl1",
        "reason: make it (x on db1): refused [1045]. Fix [octavia] admin_connection.",
    ]


def test_a_flow_that_stops_is_reported_at_once() -> None:
    """While others go on, its end is printed once, and not again at the end."""
    parked = flow("parked", task("b", "FAILURE"), reason=REASON, host="ctl1")
    going_on = flow("running", task("a", "RUNNING"), host="ctl2")
    live, after = _shown(*[report("running", parked, going_on)] * 3)
    assert live.count("controller on ctl1: parked") == 1
    assert after == ""


def test_a_flow_that_is_parked_again_is_reported_again() -> None:
    """A flow that was resumed and failed again is printed again."""
    going_on = flow("running", task("a", "RUNNING"), host="ctl2")
    again = flow("parked", task("a"), task("b", "FAILURE", runs=2), reason=REASON)
    first, second = (report("running", each, going_on) for each in (FAILED, again))
    live, _ = _shown(first, second)
    assert live.count("cloud: parked") == 2


def test_a_reverted_flow_has_its_reason() -> None:
    """No step of a reverted flow is failed any more: the reason names the step."""
    undone = flow("reverted", task("a", "REVERTED"), reason=REASON)
    _, after = _shown(report("reverted", undone))
    assert after.splitlines() == ["cloud: reverted", f"  reason: {REASON}"]


LONG = "the server takes no packet of more than 16 MB, which large amphorae need"


def _warned() -> dict[str, Any]:
    """A job that is done, in which two controllers have warned of the same."""
    flows = [
        flow("done", task("prove", host=host, warnings=[LONG]), host=host)
        for host in ("ctl1", "ctl2")
    ]
    return report("done", *flows)


def test_warnings_come_once_at_the_end() -> None:
    """On a terminal the lines fit it; who has warned stands behind the warning."""
    done = _warned()
    live, after = _shown({**done, "state": "running"}, done, done)
    assert "packet" not in live
    lines = after.splitlines()
    assert lines[0] == "Warnings:"
    assert max(map(len, lines)) <= 60
    said = " ".join(line.strip() for line in lines[1:])
    assert said == f"{LONG} (prove on ctl1, prove on ctl2)"


def test_warnings_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Elsewhere each warning is one line, however long, once, at the end."""
    done, lines = _warned(), Lines()
    for _ in range(2):
        lines.show(done)
    assert "packet" not in capsys.readouterr().err
    lines.finish(done)
    wanted = f"Warnings:\n  {LONG} (prove on ctl1, prove on ctl2)\n"
    assert capsys.readouterr().err == wanted


def _retried(why: str | None) -> dict[str, Any]:
    """A report of one step that is tried again for this reason; None: it isn't."""
    since = "2026-01-31T09:15:04.250Z" if why else None
    step = task("a", "RUNNING", retrying_since=since, retrying_why=why)
    return report("running", flow("running", step))


def test_retries_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Each reason once, above the bar, and as lines."""
    seen = [_retried(why) for why in (None, "x refused", "x refused", "y refused")]
    seen.append(report("done", flow("done", task("a"))))
    live, after = _shown(*seen)
    with view_of(io.StringIO()) as view:
        for each in seen:
            view.show(each)
    for text in (live, capsys.readouterr().err):
        for why in ("x", "y"):
            said = f"retrying since 09:15:04 UTC: {why} refused"
            assert text.count(said) == 1
    assert after == ""


def test_lines_say_each_thing_once(capsys: pytest.CaptureFixture[str]) -> None:
    """In a log, the line of a flow has its reason, and is not repeated."""
    with view_of(io.StringIO()) as view:
        assert isinstance(view, Lines)
        for _ in range(3):
            view.show(report("parked", FAILED))
    view.finish(report("parked", FAILED))
    assert capsys.readouterr().err.count(f"cloud: parked: {REASON}") == 1


def test_a_pause_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """It names the user, and the command that ends it; on a terminal and elsewhere."""
    paused = report("waiting", flow("waiting", task("a", "PENDING"), host="ctl1"))
    paused |= {"paused_at": "2026-01-31T09:15:04.250Z", "paused_by": "root@ctl1"}
    live, _ = _shown(paused, paused)
    lines = Lines()
    for _ in range(2):
        lines.show(paused)
    wanted = f"root@ctl1 has paused the job: no further flow begins until '{UNPAUSE}'."
    assert capsys.readouterr().err.splitlines() == [wanted]
    assert "".join(live.split()).count("root@ctl1haspausedthejob") == 1
