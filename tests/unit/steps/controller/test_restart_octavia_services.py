# SPDX-License-Identifier: Apache-2.0
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.steps.controller import octavia_restart
from amphv2_bootstrap.steps.controller.restart_octavia_services import (
    RestartOctaviaServices,
)
from amphv2_bootstrap.steps.retry_policy import RetryPolicy
from tests.unit.steps.controller_host import Controller


@dataclass(frozen=True)
class FakeSystemd(Systemd):
    """A systemd with one Octavia unit."""

    present: tuple[str, ...] = ("octavia-worker",)
    broken: bool = False
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def available(self) -> bool:
        return True

    def in_use(self, units: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{unit}.service" for unit in units if unit in self.present)

    def restart(self, units: Sequence[str], cancelled: Event | None = None) -> None:
        if self.broken:
            raise PermanentError("restart", why="it failed")
        self.calls.append(tuple(units))


@pytest.fixture
def marked(controller: Controller) -> Controller:
    controller.marker.set()
    return controller


def test_without_marker_nothing_is_restarted(controller: Controller) -> None:
    """A run after which nothing has changed restarts no service."""
    assert RestartOctaviaServices(controller.context).execute()["effect"] == "unchanged"
    assert controller.seen == []


def test_configured_commands_replace_systemd(marked: Controller) -> None:
    """They run once, systemd isn't used, and the marker is removed."""
    systemd = FakeSystemd()
    result = RestartOctaviaServices(marked.context, systemd).execute()
    assert result["effect"] == "changed"
    assert len(marked.seen) == 1
    assert systemd.calls == []
    assert not marked.marker.is_set()


def test_units_that_exist_are_restarted(marked: Controller) -> None:
    """Units that aren't on this host are skipped."""
    marked.settings["restart_commands"] = ()
    systemd = FakeSystemd()
    result = RestartOctaviaServices(marked.context, systemd).execute()
    assert result["effect"] == "changed"
    assert "octavia-worker.service" in result["summary"]
    assert systemd.calls == [("octavia-worker.service",)]
    assert not marked.marker.is_set()


@pytest.mark.parametrize(
    "systemd", [FakeSystemd(present=()), Systemd("no-such", "/no")]
)
def test_with_nothing_to_restart_the_operator_is_warned(
    marked: Controller, systemd: Systemd
) -> None:
    """The warning names host and services, and comes only once."""
    marked.settings["restart_commands"] = ()
    result = RestartOctaviaServices(marked.context, systemd).execute()
    assert result["effect"] == "unchanged"
    assert "by hand on c1: octavia-worker, octavia-api" in result["warnings"][0]
    assert not marked.marker.is_set()


def test_a_failed_command_keeps_the_marker(marked: Controller) -> None:
    """The restart is still due, and the next run tries it again."""
    marked.settings["restart_commands"] = (("sh", "-c", "echo no; exit 3"),)
    with pytest.raises(TransientError, match="no"):
        RestartOctaviaServices(marked.context).execute()
    assert marked.marker.is_set()


def test_a_restart_that_fails_is_not_repeated_for_minutes(marked: Controller) -> None:
    """Each attempt cuts off the services that do come back."""
    log = marked.folder / "attempts"
    command = ("sh", "-c", f"echo one >> {log}; exit 3")
    marked.settings["restart_commands"] = (command,)
    endless = RetryPolicy(first_wait=0.0, max_wait=0.0)
    with pytest.raises(TransientError):
        RestartOctaviaServices(replace(marked.context, retry=endless)).execute()
    assert log.read_text().count("one") == 5


def test_a_failed_unit_keeps_the_marker(marked: Controller) -> None:
    """The restart is still due, as after a failed command."""
    marked.settings["restart_commands"] = ()
    with pytest.raises(PermanentError, match="it failed"):
        RestartOctaviaServices(marked.context, FakeSystemd(broken=True)).execute()
    assert marked.marker.is_set()


def _sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def _story(marked: Controller, **settings: object) -> Path:
    """Set commands that each write their name into a file; return its path."""
    log = marked.folder / "story"
    log.write_text("")
    marked.settings.update(
        {
            "before_restart": (_sh(f"echo out >>{log}"),),
            "restart_commands": (_sh(f"echo restart >>{log}"),),
            "ready_command": _sh(f"echo ready >>{log}"),
            "after_restart": (_sh(f"echo in >>{log}"),),
            **settings,
        }
    )
    return log


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(octavia_restart, "STEADY_SECONDS", 0.0)
    monkeypatch.setattr(octavia_restart, "_READY_PAUSE", 0.0)


def test_commands_around_a_restart_run_in_their_order(marked: Controller) -> None:
    """The host is out of service before the restart, and in again once it is ready."""
    log = _story(marked)
    RestartOctaviaServices(marked.context).execute()
    assert log.read_text().split() == ["out", "restart", "ready", "ready", "in"]


def test_the_plan_has_all_commands(controller: Controller) -> None:
    """In the order in which they run around the restart; units in theirs."""
    controller.settings.update(
        restart_commands=(), before_restart=(("lb", "out"),), after_restart=()
    )
    step = RestartOctaviaServices(controller.context)
    assert step.aim.endswith(": octavia-api, octavia-worker; before it: lb out")


def test_a_look_gives_what_a_restart_runs(controller: Controller) -> None:
    """In its order, where a marker is set or a step ahead will set it; runs nothing."""
    controller.settings.update(
        restart_commands=(), before_restart=(("lb", "out"),), after_restart=()
    )
    present = ("octavia-api", "octavia-worker", "octavia-housekeeping")
    step = RestartOctaviaServices(controller.context, FakeSystemd(present=present))
    assert step.look().changes == ()
    foreseen = step.look({"write-octavia-configuration"}).changes
    assert [change.text for change in foreseen] == [
        "lb out",
        "octavia-api.service",
        "octavia-worker.service",
    ]
    controller.marker.set()
    assert step.look().changes == foreseen
    controller.settings["after_restart"] = (("lb", "in"),)
    controller.marker.set_restarted()
    (left,) = RestartOctaviaServices(controller.context).look().changes
    assert left.text == "lb in"


def test_without_a_restart_no_command_is_run(controller: Controller) -> None:
    """A host stays in service where nothing has changed."""
    log = _story(controller)
    RestartOctaviaServices(controller.context).execute()
    assert log.read_text() == ""


def test_nothing_is_restarted_where_before_restart_fails(marked: Controller) -> None:
    """The restart is still due."""
    log = _story(marked, before_restart=(_sh("echo no such backend; exit 1"),))
    with pytest.raises(TransientError, match=r"run before_restart.*no such backend"):
        RestartOctaviaServices(marked.context).execute()
    assert log.read_text() == ""
    assert marked.marker.is_set()


def test_a_host_whose_restart_failed_is_not_put_back(marked: Controller) -> None:
    """The error says that the host is still out of service."""
    log = _story(marked, restart_commands=(_sh("exit 3"),))
    with pytest.raises(
        TransientError, match="c1, after_restart was not: that is still"
    ):
        RestartOctaviaServices(marked.context).execute()
    assert log.read_text().split() == ["out"]
    assert marked.marker.is_set()


def test_a_failed_after_restart_restarts_nothing_again(marked: Controller) -> None:
    """Only that command is run again, by the next attempt or the next run."""
    log = _story(marked, after_restart=(_sh("exit 1"),))
    for _ in range(2):
        with pytest.raises(TransientError, match="run after_restart"):
            RestartOctaviaServices(marked.context).execute()
    marked.settings["after_restart"] = (_sh(f"echo in >>{log}"),)
    RestartOctaviaServices(marked.context).execute()
    assert log.read_text().split() == ["out", "restart", "ready", "ready", "in"]
    assert not marked.marker.is_set()


def test_a_later_change_is_restarted_after_a_failed_after_restart(
    marked: Controller,
) -> None:
    """A revert that puts the file back, for example; the backup stays known."""
    marked.marker.set("/etc/backup")
    log = _story(marked, after_restart=(_sh("exit 1"),))
    with pytest.raises(TransientError):
        RestartOctaviaServices(marked.context).execute()
    marked.marker.set()
    assert marked.marker.backup() == "/etc/backup"
    marked.settings["after_restart"] = ()
    RestartOctaviaServices(marked.context).execute()
    assert log.read_text().split().count("restart") == 2


def test_ready_command_is_repeated_until_it_succeeds(marked: Controller) -> None:
    """Then it is asked once more: services that only come up for a moment don't do."""
    tries = marked.folder / "tries"
    count = f"echo one >>{tries}; [ $(wc -l <{tries}) -ge 3 ]"
    _story(marked, ready_command=_sh(count))
    RestartOctaviaServices(marked.context).execute()
    assert tries.read_text().count("one") == 4


@pytest.mark.parametrize(
    ("ready", "when"),
    [
        ("echo starting; exit 1", "not within 0 s after 'sh': starting"),
        ("echo one >>{tries}; [ $(wc -l <{tries}) = 1 ]", "only for a moment"),
    ],
)
def test_services_that_are_not_ready_are_an_error(
    marked: Controller, monkeypatch: pytest.MonkeyPatch, ready: str, when: str
) -> None:
    """Neither those that never come up nor those that go down again."""
    monkeypatch.setattr(octavia_restart, "READY_SECONDS", 0.0)
    command = _sh(ready.format(tries=marked.folder / "tries"))
    log = _story(marked, ready_command=command)
    with pytest.raises(PermanentError, match=when):
        RestartOctaviaServices(marked.context).execute()
    assert "in" not in log.read_text().split()
    assert marked.marker.is_set()


def test_each_unit_is_ready_before_the_next_is_restarted(marked: Controller) -> None:
    """The worker comes last; ready_command is asked for units, too."""
    log = _story(marked, restart_commands=(), before_restart=(), after_restart=())
    systemd = FakeSystemd(present=("octavia-worker", "octavia-api"))
    RestartOctaviaServices(marked.context, systemd).execute()
    assert systemd.calls == [("octavia-api.service",), ("octavia-worker.service",)]
    assert log.read_text().split() == ["ready"] * 4


def test_services_that_nobody_looks_at_are_warned_of(marked: Controller) -> None:
    """A command of the operator says only that it has ended itself."""
    done = RestartOctaviaServices(marked.context).execute()
    assert "set [octavia] ready_command" in done["warnings"][0]
    marked.marker.set()
    _story(marked)
    assert RestartOctaviaServices(marked.context).execute()["warnings"] == []


def test_the_time_limit_is_more_than_all_bounds(controller: Controller) -> None:
    """A step is never given up while something that it waits for has time left."""
    command = _sh("true")
    controller.settings.update(
        restart_commands=(command,) * 4, before_restart=(command,)
    )
    step = RestartOctaviaServices(controller.context)
    longest = 4 * (300 + 120 + 30) + 300
    assert step.time_limit > longest


@pytest.mark.parametrize(
    ("command", "holds"),
    [
        (("service", "octavia-api", "restart"), False),
        (("/opt/octavia-api/bin/restart", "octavia-health-manager"), False),
        (("systemctl", "restart", "octavia-api", "octavia-worker"), True),
        (("/usr/local/sbin/restart-octavia",), True),
    ],
)
def test_new_requests_are_held_where_a_worker_may_be_restarted(
    marked: Controller, tmp_path: Path, command: tuple[str, ...], holds: bool
) -> None:
    """Where that is impossible, a warning says why, and the restart goes on."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no Python >&2; exit 3\n")
    python.chmod(0o755)
    marked.settings["octavia_python"] = str(python)
    # The names of programs that do nothing.
    marked.settings["restart_commands"] = (("sh", "-c", "", *command),)
    with socket.create_server(("127.0.0.1", 0)) as broker:
        url = f"rabbit://u:p@127.0.0.1:{broker.getsockname()[1]}/"
        marked.conf.write_text(f"[DEFAULT]\ntransport_url = {url}\n")
        warnings = RestartOctaviaServices(marked.context).execute()["warnings"]
    assert any("New requests were not held" in one for one in warnings) == holds
