# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math
import time
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host.services import Systemd, in_restart_order
from amphv2_bootstrap.errors import PermanentError, TransientError
from tests.unit.adapters.host.forking import crashing

_SYSTEMCTL = """#!/bin/sh
# Units are files; their lines are the answers of 'show'.
cd "$(dirname "$0")/units" || exit 9
verb=$1
for last; do :; done
case $verb in
show)
    cat "$last" 2>/dev/null || echo LoadState=not-found
    echo one >>../shows
    ! grep -q '^Flaps' "$last" || echo "NRestarts=$(wc -l <../shows)" ;;
is-active)
    grep -q '^Fails' "$last" && { echo failed; exit 3; }
    grep -q '^Slow' "$last" && { sed -i /^Slow/d "$last"; echo activating; exit 3; }
    grep -q '^Stuck' "$last" && { echo activating; exit 3; }
    echo active ;;
restart) echo "$@" >>../calls; [ ! -e ../refuse ] || { echo refused; exit 1; } ;;
esac
"""


@pytest.fixture
def systemd(tmp_path: Path) -> Systemd:
    """A fake systemctl; its units are files in a folder."""
    program = tmp_path / "systemctl"
    program.write_text(_SYSTEMCTL)
    program.chmod(0o755)
    (tmp_path / "units").mkdir()
    return Systemd(str(program), str(tmp_path), start_timeout=60.0, steady=0.0)


def _unit(folder: Path, name: str, *lines: str) -> None:
    text = "\n".join(("LoadState=loaded", *lines, ""))
    (folder / "units" / f"{name}.service").write_text(text)


def test_only_units_in_use_are_taken(systemd: Systemd, tmp_path: Path) -> None:
    """Running, failed and enabled units are in use; missing and disabled ones not."""
    _unit(tmp_path, "running", "ActiveState=active", "UnitFileState=disabled")
    _unit(tmp_path, "failed", "ActiveState=failed", "UnitFileState=disabled")
    _unit(tmp_path, "enabled", "ActiveState=inactive", "UnitFileState=enabled")
    _unit(tmp_path, "off", "ActiveState=inactive", "UnitFileState=disabled")
    names = ("running", "failed", "enabled", "off", "missing")
    assert systemd.in_use(names) == (
        "running.service",
        "failed.service",
        "enabled.service",
    )


def test_each_unit_is_up_before_the_next_is_restarted(
    systemd: Systemd, tmp_path: Path
) -> None:
    """A slow one is waited for."""
    _unit(tmp_path, "a", "ActiveState=active")
    _unit(tmp_path, "b", "ActiveState=active", "Slow=1")
    systemd.restart(("a.service", "b.service"))
    calls = (tmp_path / "calls").read_text()
    assert calls == "restart -- a.service\nrestart -- b.service\n"
    assert "Slow" not in (tmp_path / "units" / "b.service").read_text()


def test_a_unit_that_systemd_starts_again_stops_the_restart(
    systemd: Systemd, tmp_path: Path
) -> None:
    """It was active, but its main process had ended: the next one isn't touched."""
    _unit(tmp_path, "a", "ActiveState=active", "Flaps=1")
    _unit(tmp_path, "b", "ActiveState=active")
    patient = dataclasses.replace(systemd, steady=3600.0)
    with pytest.raises(PermanentError, match=r"a\.service.*started again by itself"):
        patient.restart(("a.service", "b.service"))
    assert (tmp_path / "calls").read_text() == "restart -- a.service\n"


def test_processes_that_crash_below_a_unit_are_seen(
    systemd: Systemd, tmp_path: Path
) -> None:
    """octavia-worker's first process stays up while its workers crash."""
    with crashing() as parent:
        _unit(tmp_path, "a", "ActiveState=active", f"MainPID={parent}")
        patient = dataclasses.replace(systemd, steady=3600.0)
        with pytest.raises(PermanentError, match=r"a\.service.*that it forks end"):
            patient.restart(("a.service",))


def test_the_worker_is_restarted_last() -> None:
    """The API first; units of other names stay in front, in their order."""
    units = ("octavia-worker", "octavia-health-manager", "octavia-housekeeping")
    assert in_restart_order((*units, "octavia-api", "apache2")) == (
        "octavia-api",
        "apache2",
        "octavia-housekeeping",
        "octavia-health-manager",
        "octavia-worker",
    )
    assert in_restart_order(("devstack@o-cw", "devstack@o-hm", "devstack@o-api")) == (
        "devstack@o-api",
        "devstack@o-hm",
        "devstack@o-cw",
    )


@pytest.mark.parametrize(
    ("printed", "seconds"),
    [
        ("1min 30s", 90.0),
        ("10min", 600.0),
        ("1h 2min 500ms", 3720.5),
        ("infinity", math.inf),
        ("", math.inf),
    ],
)
def test_the_time_to_stop_is_known(
    systemd: Systemd, tmp_path: Path, printed: str, seconds: float
) -> None:
    """It is infinite where systemd says so, or doesn't know it."""
    _unit(tmp_path, "a", f"TimeoutStopUSec={printed}")
    assert systemd.stop_seconds("a") == seconds


def test_a_unit_that_fails_is_an_error(systemd: Systemd, tmp_path: Path) -> None:
    """The error names the unit and its journal."""
    _unit(tmp_path, "a", "Fails=1")
    with pytest.raises(PermanentError, match=r"a\.service.*failed.*journalctl"):
        systemd.restart(("a.service",))


def test_a_unit_that_never_comes_up_is_transient(
    systemd: Systemd, tmp_path: Path
) -> None:
    """A unit that is still activating after the timeout is a transient error."""
    _unit(tmp_path, "a", "Stuck=1")
    hasty = dataclasses.replace(systemd, start_timeout=0.0)
    with pytest.raises(TransientError, match="still activating after 0 s"):
        hasty.restart(("a.service",))


def test_refusal_of_systemd_is_transient(systemd: Systemd, tmp_path: Path) -> None:
    """The error quotes systemd."""
    _unit(tmp_path, "a")
    (tmp_path / "refuse").touch()
    with pytest.raises(TransientError, match="refused"):
        systemd.restart(("a.service",))


def test_a_host_without_systemd_is_known(tmp_path: Path) -> None:
    """systemd needs both its program and its folder."""
    assert not Systemd("true", str(tmp_path / "missing")).available()
    assert not Systemd("no-such-systemctl", str(tmp_path)).available()
    assert Systemd("true", str(tmp_path)).available()


def test_the_start_of_a_running_unit_is_known(systemd: Systemd, tmp_path: Path) -> None:
    """The start is in epoch seconds, None for a unit that doesn't run or exist."""
    # Half of the time since boot ago, when any machine was already up.
    ago = time.clock_gettime(time.CLOCK_MONOTONIC) / 2
    started = f"ExecMainStartTimestampMonotonic={int(ago * 1e6)}"
    _unit(tmp_path, "running", "ActiveState=active", started)
    _unit(tmp_path, "failed", "ActiveState=failed", started)
    _unit(tmp_path, "bare", "ActiveState=active", "ExecMainStartTimestampMonotonic=0")
    found = systemd.started_at("running")
    assert found is not None
    assert found + ago <= time.time() < found + ago + 60
    for name in ("failed", "bare", "missing"):
        assert systemd.started_at(name) is None
