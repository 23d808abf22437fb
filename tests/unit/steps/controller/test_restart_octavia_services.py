# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Event

import pytest

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.errors import PermanentError, TransientError
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
