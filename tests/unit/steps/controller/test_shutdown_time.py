# SPDX-License-Identifier: Apache-2.0
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.errors import TransientError
from amphv2_bootstrap.steps.controller.shutdown_time import shutdown_warnings
from tests.unit.steps.controller_host import Controller

_LONG = "graceful_shutdown_timeout = 600"


@dataclass(frozen=True)
class FakeSystemd(Systemd):
    """A systemd that runs all units, and kills them after ``seconds``."""

    seconds: float = 90.0

    def available(self) -> bool:
        return True

    def in_use(self, units: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{unit}.service" for unit in units)

    def stop_seconds(self, unit: str) -> float:
        """Only the worker is asked for: the others end at once."""
        assert unit == "octavia-worker.service"
        if self.seconds < 0:
            raise TransientError("ask systemd", why="it doesn't answer")
        return self.seconds


def _warnings(
    controller: Controller, *lines: str, seconds: float = math.inf
) -> tuple[str, ...]:
    """Those for an octavia.conf of these lines."""
    controller.settings["restart_commands"] = ()
    controller.conf.write_text("\n".join(("[DEFAULT]", *lines, "")))
    return shutdown_warnings(controller.context, FakeSystemd(seconds=seconds))


def test_octavias_own_default_is_too_short(controller: Controller) -> None:
    """It may wait 300 s for an amphora, but cotyledon gives it 60 s."""
    (text,) = _warnings(controller)
    assert "on c1 may cut off an operation" in text
    assert "may wait 300 s" in text
    assert "but graceful_shutdown_timeout in octavia.conf is 60 s." in text


@pytest.mark.parametrize("value", ["300", "0"])
def test_a_long_time_is_no_warning(controller: Controller, value: str) -> None:
    """0 is no limit."""
    assert _warnings(controller, f"graceful_shutdown_timeout = {value}") == ()


def test_the_time_of_a_flow_is_octavias_own(controller: Controller) -> None:
    """Another amphora image may need longer, or another cloud be faster."""
    lines = "[controller_worker]", "amp_active_retries = 70"
    assert "wait 700 s" in _warnings(controller, _LONG, *lines)[0]
    lines = "[controller_worker]", "amp_active_wait_sec = 1"
    assert _warnings(controller, *lines) == ()


def test_systemd_may_be_hastier_than_octavia(controller: Controller) -> None:
    """Both limits are named where both are too short."""
    (text,) = _warnings(controller, seconds=90)
    assert "is 60 s and TimeoutStopSec of octavia-worker.service is 90 s" in text
    (text,) = _warnings(controller, _LONG, seconds=90)
    assert "but TimeoutStopSec of octavia-worker.service is 90 s" in text
    assert _warnings(controller, _LONG, seconds=300) == ()


def test_a_container_may_be_hastier_than_octavia(
    controller: Controller, tmp_path: Path
) -> None:
    """docker kills it after 10 s, unless the command, or the container, says more."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "[{}]"\n')
    docker.chmod(0o755)
    controller.conf.write_text(f"[DEFAULT]\n{_LONG}\n")
    for options, warned in ((), True), (("-t", "600"), False):
        command = (str(docker), "restart", *options, "octavia_worker")
        controller.settings["restart_commands"] = (command,)
        found = "".join(shutdown_warnings(controller.context))
        assert ("container octavia_worker is 10 s" in found) is warned


def test_with_the_jobboard_nothing_is_lost(controller: Controller) -> None:
    """Another worker resumes what was cut off."""
    assert _warnings(controller, "[task_flow]", "jobboard_enabled = True") == ()


def test_what_cannot_be_seen_is_no_warning(controller: Controller) -> None:
    """The steps that restart the services, or load the file, report it."""
    assert _warnings(controller, _LONG, seconds=-1) == ()
    controller.conf.unlink()
    assert shutdown_warnings(controller.context) == ()
