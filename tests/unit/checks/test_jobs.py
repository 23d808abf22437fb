# SPDX-License-Identifier: Apache-2.0
"""What verify says of postings that Octavia's conductors can't carry out."""

import pytest

from amphv2_bootstrap.adapters.octavia.canary import Leftover
from amphv2_bootstrap.checks import jobs
from amphv2_bootstrap.checks.finding import FAILED, OK, SKIPPED, WARNING
from amphv2_bootstrap.errors import TransientError
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
