# SPDX-License-Identifier: Apache-2.0
"""What verify says of postings that Octavia's conductors can't carry out."""

from datetime import datetime

import pytest

from amphv2_bootstrap.adapters.octavia.canary import BoardJob, Leftover
from amphv2_bootstrap.checks import jobs
from amphv2_bootstrap.checks.finding import FAILED, OK, SKIPPED, WARNING
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.steps.under_way import LoadBalancer
from tests.unit.steps.controller_host import Controller

FOUND = (
    Leftover("a1", "it has no name", True, "redis-cli -n 0 HDEL x:listings a1"),
    Leftover("create-lb (b2)", "its logbook is c3", False, "etcdctl del /x/job1.data"),
)


@pytest.mark.parametrize("found", [FOUND, ()], ids=["some", "none"])
def test_each_leftover_is_a_failure(
    controller: Controller,
    monkeypatch: pytest.MonkeyPatch,
    found: tuple[Leftover, ...],
) -> None:
    """Each is named, with the reason and the command that removes it."""
    controller.settings["octavia_python"] = "/usr/bin/python3"
    monkeypatch.setattr(jobs, "obstacle", lambda context: None)
    monkeypatch.setattr(jobs, "interpreter_of", lambda host: "/usr/bin/python3")
    monkeypatch.setattr(jobs, "leftovers", lambda *_, **__: found)
    findings = list(jobs.waiting_jobs(controller.context))
    assert [one.state for one in findings] == [FAILED] * len(found) or [OK]
    for one, finding in zip(found, findings, strict=False):
        assert one.name in finding.message
        assert one.why in finding.message
        assert one.removal in finding.todo
        assert ("ends Octavia's conductors" in finding.message) is one.is_malformed


def test_a_board_that_is_away_is_only_a_warning(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary fails for the same reason."""

    def away(*_: object, **__: object) -> tuple[Leftover, ...]:
        raise TransientError("connect to Octavia's jobboard", why="it is away")

    monkeypatch.setattr(jobs, "obstacle", lambda context: None)
    monkeypatch.setattr(jobs, "interpreter_of", lambda host: "/usr/bin/python3")
    monkeypatch.setattr(jobs, "leftovers", away)
    (found,) = jobs.waiting_jobs(controller.context)
    assert (found.state, "it is away" in found.message) == (WARNING, True)


def test_without_octavias_python_nothing_is_known(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding is skipped, and says why."""
    monkeypatch.setattr(jobs, "interpreter_of", lambda host: None)
    monkeypatch.setattr(
        jobs, "obstacle", lambda context: ("it isn't on this host", "Set it.")
    )
    (found,) = jobs.waiting_jobs(controller.context)
    assert found.state == SKIPPED
    assert "isn't on this host" in found.message


def _since(seconds: int) -> tuple[LoadBalancer, ...]:
    began = datetime(2026, 11, 26, 9, 0, 0)
    status = "PENDING_UPDATE"
    return (
        LoadBalancer("lb-1", status, "amphora", began, seconds),
        LoadBalancer("lb-2", status, "amphora", began, seconds),
        LoadBalancer("lb-3", status, "amphora", began, 10),
    )


def test_a_load_balancer_without_a_job_is_stuck(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a failure; one with a job is a warning that names who claims it."""
    board = {"lb-2": BoardJob("update-lb (j2)", "worker-1", 7.0)}
    monkeypatch.setattr(jobs, "pending", lambda context: _since(61 * 60))
    monkeypatch.setattr(jobs, "jobs", lambda *_: board)
    lost, late = jobs.stuck(controller.context)
    assert (lost.check, lost.state, late.state) == ("stuck", FAILED, WARNING)
    assert "lb-1 (PENDING_UPDATE since 2026-11-26 09:00:00 UTC)" in lost.message
    assert "lb-2" not in lost.message
    assert "ERROR" in lost.todo
    assert "update-lb (j2), claimed by worker-1 for 7 s" in late.message
    assert "lb-3" not in lost.message + late.message


def test_minutes_decide_what_is_stuck(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below ``stuck_minutes`` all is well, and the jobboard isn't asked."""
    controller.settings["stuck_minutes"] = 120.0
    monkeypatch.setattr(jobs, "pending", lambda context: _since(61 * 60))
    (found,) = jobs.stuck(controller.context)
    assert (found.state, "120 minutes" in found.message) == (OK, True)


def test_what_cannot_be_read_is_said(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a main database it is skipped; without the jobboard only a warning."""
    controller.conf.write_text("[database]\nconnection = sqlite:///octavia.db\n")
    (found,) = jobs.stuck(controller.context)
    assert (found.state, "[database]" in found.message) == (SKIPPED, True)

    def refused(*_: object) -> None:
        raise PermanentError("read Octavia's jobboard", why="it is refused")

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "pending", refused)
        (found,) = jobs.stuck(controller.context)
    assert (found.state, "it is refused" in found.message) == (SKIPPED, True)
    monkeypatch.setattr(jobs, "pending", lambda context: _since(61 * 60))
    monkeypatch.setattr(jobs, "jobs", refused)
    (found,) = jobs.stuck(controller.context)
    assert (found.state, "it is refused" in found.message) == (WARNING, True)
    assert "lb-1" in found.message
