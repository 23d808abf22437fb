# SPDX-License-Identifier: Apache-2.0
"""What systemd allows the conductor, and what it does when it ends."""

import configparser

import pytest

from amphv2_bootstrap.conf.options import conductor
from tests import REPOSITORY

_UNIT = (REPOSITORY / "etc" / "systemd" / "amphv2-conductor.service").read_text()
_REQUIRED = {
    # When it is up, and what starts it anew.
    "Type": "notify",
    "WatchdogSec": "300",
    "ExecReload": "/bin/kill -HUP $MAINPID",
    "Restart": "always",
    "RestartSec": "100ms",
    "RestartPreventExitStatus": "2",
    # How it ends.
    "KillMode": "mixed",
    "TimeoutStopSec": "90",
    # What it writes shows no secret to others.
    "UMask": "0077",
    "ConfigurationDirectory": "amphv2-bootstrap",
    "ConfigurationDirectoryMode": "0700",
    "StateDirectory": "amphv2-bootstrap",
    "StateDirectoryMode": "0700",
    "LimitCORE": "0",
    "KeyringMode": "private",
    # What it can't take from the host.
    "MemoryMax": "2G",
    "CapabilityBoundingSet": "~CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_TIME",
    "LockPersonality": "yes",
    "RestrictRealtime": "yes",
    "SystemCallArchitectures": "native",
}


def _section(name: str) -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(_UNIT)
    return unit[name]


@pytest.mark.parametrize("directive", _REQUIRED)
def test_what_it_needs_is_there(directive: str) -> None:
    """With this value; comments in the unit say why."""
    assert _section("Service").get(directive) == _REQUIRED[directive]


def test_it_is_started_again_however_often() -> None:
    """No limit of starts leaves a posted job to nobody."""
    assert _section("Unit")["StartLimitIntervalSec"] == "0"


def test_systemd_waits_for_the_running_step() -> None:
    """Longer than the conductor does by default before it stops the step."""
    (grace,) = (o.default for o in conductor.OPTS if o.name == "grace_period")
    assert float(_section("Service")["TimeoutStopSec"]) > grace
