# SPDX-License-Identifier: Apache-2.0
"""``job history`` and ``job prune``."""

import json

import pytest

from tests.unit.cmd.job.conftest import Run


def test_every_event_is_listed(run: Run, job: str) -> None:
    """When, who, what, of which flow, and why; a host's drain is among them."""
    assert run("conductor", "drain", "controller2")[0] == 0
    assert run("job", "cancel", job, "--host", "controller2")[0] == 0
    code, out, _ = run("job", "history", job, "-f", "json")
    rows = json.loads(out)
    assert code == 0
    assert list(rows[0]) == ["at", "by", "event", "flow", "step", "message"]
    assert [row["event"] for row in rows] == ["posted", "drained", "cancelled"]
    assert {row["by"] for row in rows} == {"ctl1"}
    assert rows[0]["message"].endswith("@ctl1")
    assert rows[1]["message"].startswith("controller2, by ")
    assert rows[2]["flow"] == "controller/controller2"
    assert all(row["at"].endswith("Z") for row in rows)


def test_a_job_that_is_not_there(run: Run, job: str) -> None:
    """The message says how to find the right one."""
    code, _, err = run("job", "history", "no-such")
    assert code == 1
    assert "job list" in err


def test_only_ended_jobs_are_pruned(run: Run, job: str) -> None:
    """An unfinished one stays, and so does one that has ended since."""
    assert run("job", "prune", "--older-than", "0")[:2] == (0, "0 job(s) deleted.\n")
    assert run("job", "cancel", job)[0] == 0
    assert run("job", "prune", "--older-than", "1")[1] == "0 job(s) deleted.\n"
    assert run("job", "prune", "--older-than", "0")[1] == "1 job(s) deleted.\n"
    assert json.loads(run("job", "list", "-f", "json")[1]) == []


@pytest.mark.parametrize(
    "arguments", [[], ["--older-than", "-1"], ["--older-than", "old"]], ids=str
)
def test_prune_needs_an_age(run: Run, arguments: list[str]) -> None:
    """Nothing is deleted without one that makes sense."""
    code, _, err = run("job", "prune", *arguments)
    assert code == 2
    assert "--older-than" in err
