# SPDX-License-Identifier: Apache-2.0
"""``job list`` with filters."""

import json

import pytest

from tests.unit.cmd.job.conftest import Run


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ([], 1),
        (["--state", "ready"], 1),
        (["--state", "parked"], 0),
        (["--host", "controller2"], 1),
        (["--host", "ctl9"], 0),
        (["--since", "2000-01-31"], 1),
        (["--since", "2999-01-31T09:15Z"], 0),
        (["--state", "ready", "--host", "ctl1", "--since", "2000-01-31T09:15"], 1),
    ],
    ids=str,
)
def test_only_what_was_asked_for(
    run: Run, job: str, filters: list[str], count: int
) -> None:
    """All filters must fit."""
    code, out, _ = run("job", "list", "-f", "json", *filters)
    assert code == 0
    assert [row["id"] for row in json.loads(out)] == [job] * count


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01"])
def test_another_time_is_refused(run: Run, text: str) -> None:
    """The message has an example of a right one."""
    code, _, err = run("job", "list", "--since", text)
    assert code == 2
    assert "2026-01-31" in err


def test_another_state_is_refused(run: Run) -> None:
    """The message names those that there are."""
    code, _, err = run("job", "list", "--state", "asleep")
    assert code == 2
    assert "parked" in err
