# SPDX-License-Identifier: Apache-2.0
import dataclasses
import os
import time
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.host.stale_services import stale_services
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings

# Units are files beside the program; they hold systemd's time of their start.
_SYSTEMCTL = """#!/bin/sh
for last; do :; done
cd "$(dirname "$0")" && read -r started <"$last" || { echo LoadState=not-found; exit; }
echo "LoadState=loaded
ActiveState=active
UnitFileState=enabled
ExecMainStartTimestampMonotonic=$started"
"""


@pytest.fixture
def host(tmp_path: Path) -> HostSettings:
    config = tmp_path / "octavia.conf"
    config.write_text("[DEFAULT]\n")
    return HostSettings(
        name="c1",
        state_path=str(tmp_path / "state"),
        config_files=(str(config),),
        admin=DatabaseUrl("mysql+pymysql"),
        db_manage_command=(),
        services=("octavia-api", "octavia-worker", "octavia-missing"),
    )


@pytest.fixture
def systemd(tmp_path: Path) -> Systemd:
    folder = tmp_path / "systemd"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(_SYSTEMCTL)
    program.chmod(0o755)
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    for name, moment in (("octavia-api", now), ("octavia-worker", now / 2)):
        (folder / f"{name}.service").write_text(f"{int(moment * 1e6)}\n")
    return Systemd(str(program), str(folder))


def _changed(host: HostSettings, part: float) -> None:
    """Set the file's time to this part of the time since boot."""
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    moment = time.time() - now + now * part
    os.utime(host.config_file, (moment, moment))


def test_services_older_than_the_file_are_named(
    host: HostSettings, systemd: Systemd
) -> None:
    """Only services that started before the change are named."""
    _changed(host, 0.75)
    (found,) = stale_services(host, systemd)
    assert found.startswith("octavia-worker.service on c1 started before")
    assert host.config_file in found


def test_services_younger_than_the_file_are_fine(
    host: HostSettings, systemd: Systemd
) -> None:
    """Services that started after the change are not named."""
    _changed(host, 0.25)
    assert list(stale_services(host, systemd)) == []


def test_a_marker_left_by_a_bootstrap_counts(
    host: HostSettings, systemd: Systemd
) -> None:
    """The marker counts even if systemd runs no service."""
    RestartMarker(host.state_path, host.config_file).set()
    (found,) = stale_services(host, Systemd("no-such-systemctl"))
    assert "has not restarted Octavia's services" in found


def test_with_restart_commands_units_do_not_count(
    host: HostSettings, systemd: Systemd
) -> None:
    """With restart commands Octavia runs in containers, so units aren't checked."""
    _changed(host, 0.75)
    host = dataclasses.replace(host, restart_commands=(("true",),))
    assert list(stale_services(host, systemd)) == []


def test_a_missing_file_is_not_reported(host: HostSettings, systemd: Systemd) -> None:
    """A missing file gives no reason here; the code that loads it reports it."""
    Path(host.config_file).unlink()
    assert list(stale_services(host, systemd)) == []
