# SPDX-License-Identifier: Apache-2.0
"""The commands on jobs, with the engine's database on a real server: no conductor runs.

What they do to flows that are under way: see ``test_rollout.py``.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from amphv2_bootstrap.cmd.main import main
from tests.functional.site import MakeSite

Run = Callable[..., str]
Jobs = tuple[str, str]


@pytest.fixture
def run(make_site: MakeSite, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command, which must end with ``code``; returns what it prints."""
    config = str(make_site(engine="mariadb").write_configuration("ctl1"))

    def command(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        try:
            found = main(["--config-file", config, *arguments])
        except SystemExit as exc:
            found = int(exc.code or 0)
        captured = capsys.readouterr()
        assert found == code, captured.out + captured.err
        return captured.out if code == 0 else captured.err

    return command


@pytest.fixture
def jobs(run: Run) -> Jobs:
    """A cancelled job on both hosts, and a later one on ctl1 alone."""
    first = _json(run, "post-job")["id"]
    run("job", "cancel", first)
    return first, _json(run, "post-job", "--controllers", "ctl1")["id"]


def _json(run: Run, *arguments: str) -> Any:
    return json.loads(run(*arguments, "-f", "json"))


def test_jobs_are_listed_told_and_pruned(run: Run, jobs: Jobs) -> None:
    """By state, host and time; prune deletes the ended one alone, with its history."""
    first, second = jobs

    def listed(*filters: str) -> list[str]:
        return [row["id"] for row in _json(run, "job", "list", *filters)]

    assert listed() == [second, first]
    assert listed("--state", "cancelled") == [first]
    assert listed("--state", "ready", "--host", "ctl1") == [second]
    assert listed("--host", "ctl2") == [first]
    assert listed("--since", "2000-01-31") == [second, first]
    assert listed("--since", "2999-01-31") == []
    events = [row["event"] for row in _json(run, "job", "history", first)]
    assert (events[0], set(events[1:])) == ("posted", {"cancelled"})
    assert "0 job(s)" in run("job", "prune", "--older-than", "1")
    assert "1 job(s)" in run("job", "prune", "--older-than", "0")
    assert listed() == [second]
    assert "job list" in run("job", "history", first, code=1)


def test_what_cannot_be_done_is_refused(run: Run, jobs: Jobs) -> None:
    """With the reason and what to do; and a command may be typed twice."""
    first, second = jobs
    step = ("--from", "ensure-database")
    before = _json(run, "job", "history", second)
    for command in ("show", "watch", "history", "resume", "cancel", "pause", "unpause"):
        assert "job list" in run("job", command, "no-such", code=1)
    for command in ("cancel", "skip", "resume"):
        refused = run("job", command, second, "--host", "ctl2", code=1)
        assert "Choose from ctl1." in refused
    assert "it has ended" in run("job", "pause", first, code=1)
    assert "is cancelled" in run("job", "skip", first, "--host", "ctl1", code=1)
    assert "has ended" in run("job", "retry", first, "--flow", "cloud", *step, code=1)
    refused = run("job", "retry", second, "--flow", "dance", *step, code=1)
    assert "with --flow and --host: cloud, " in refused
    for drain in ("drain", "undrain"):
        assert "Choose from ctl1, ctl2." in run("conductor", drain, "ctl9", code=1)
    assert "--older-than" in run("job", "prune", code=2)
    assert "2026-01-31" in run("job", "list", "--since", "yesterday", code=2)
    assert _json(run, "job", "history", second) == before
    assert "isn't paused; nothing to do" in run("job", "unpause")
    assert "paused." in run("job", "pause")
    assert "was paused before; nothing to do" in run("job", "pause")
    assert "goes on." in run("job", "unpause")
    assert "no flow is parked; nothing to do" in run("job", "resume")
    assert "2 flow(s) cancelled" in run("job", "cancel", second)
    assert "0 flow(s) cancelled" in run("job", "cancel", second)
