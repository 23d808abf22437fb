# SPDX-License-Identifier: Apache-2.0
"""With which command a host starts a service."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.host.start_command import start_command
from tests.unit.adapters.host import systemctl
from tests.unit.service_folder import SERVICE, as_root, open_to_all

PROGRAM = "octavia-worker"
WORDS = (PROGRAM, "--config-file=/etc/octavia/octavia.conf", "--log-file=/var/log/w")
_PKG_TOOLS = """#!/bin/sh
case "$1" in
systemd-start) exec /usr/bin/octavia-worker ;;
show-args) echo /usr/bin/{words} ;;
*) echo Usage >&2; exit 3 ;;
esac
"""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The folder of the fake systemctl and its units."""
    return tmp_path / "units"


@pytest.fixture
def systemd(units: Path) -> Systemd:
    return systemctl.make(units)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """An init script as Debian's openstack-pkg-tools makes it."""
    path = tmp_path / "init.d" / PROGRAM
    path.parent.mkdir()
    path.write_text(_PKG_TOOLS.format(words=" ".join(WORDS)))
    path.chmod(0o755)
    open_to_all(path.parent)
    return path


def _found(systemd: Systemd) -> tuple[str, ...]:
    return start_command(PROGRAM, ("octavia-api", PROGRAM), systemd)


def test_the_unit_says_it(systemd: Systemd, units: Path) -> None:
    """RDO's unit names the program; the unit of another program doesn't count."""
    systemctl.unit(units, "octavia-api", "/usr/bin/octavia-api --config-file /x")
    systemctl.unit(units, PROGRAM, "/usr/bin/octavia-worker --config-file /a --b /c")
    assert _found(systemd)[1:] == ("--config-file", "/a", "--b", "/c")


def test_the_script_of_the_unit_says_it(
    systemd: Systemd, units: Path, script: Path
) -> None:
    """Debian's unit runs an init script."""
    systemctl.unit(units, PROGRAM, f"{script} systemd-start")
    assert _found(systemd)[1:] == WORDS[1:]


def test_without_systemd_the_init_script_says_it(tmp_path: Path, script: Path) -> None:
    """As in a container that runs Debian's init script."""
    none = Systemd(runtime=str(tmp_path / "none"))
    found = start_command(PROGRAM, (PROGRAM,), none, script.parent)
    assert found[1:] == WORDS[1:]
    assert start_command(PROGRAM, ("octavia-api",), none, script.parent) == ()


@as_root
def test_only_roots_scripts_are_run(tmp_path: Path, script: Path) -> None:
    """Another's script could be anything."""
    none = Systemd(runtime=str(tmp_path / "none"))
    script.chmod(0o777)
    assert start_command(PROGRAM, (PROGRAM,), none, script.parent) == ()
    script.chmod(0o755)
    os.chown(script, SERVICE, SERVICE)
    assert start_command(PROGRAM, (PROGRAM,), none, script.parent) == ()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[int]:
    """A running octavia-worker, a Python script with a configuration file."""
    program = tmp_path / PROGRAM
    program.write_text("import sys; print(flush=True); sys.stdin.read()")
    argv = [sys.executable, str(program), "--config-file", "/of the process"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe) as running:
        assert running.stdout
        running.stdout.readline()
        yield running.pid


@pytest.mark.parametrize(
    "command", ["/bin/sh -c start-it", "/usr/bin/octavia-worker $OPTIONS"]
)
def test_the_running_process_says_it(
    systemd: Systemd, units: Path, process: int, command: str
) -> None:
    """A shell, or a variable in the unit, hides it."""
    systemctl.unit(units, PROGRAM, command, process)
    assert _found(systemd)[1:] == ("--config-file", "/of the process")
    systemctl.unit(units, PROGRAM, command)
    assert _found(systemd) == ()


def test_a_container_of_that_name_is_no_program(systemd: Systemd, units: Path) -> None:
    """Its arguments would be paths in the container."""
    command = "/usr/bin/podman run octavia octavia-worker --config-file /inside"
    systemctl.unit(units, PROGRAM, command)
    assert _found(systemd) == ()


def test_nothing_is_found_without_a_unit(systemd: Systemd) -> None:
    """A unit that isn't there says nothing, and neither does a broken systemd."""
    assert _found(systemd) == ()
    Path(systemd.program).write_text("#!/bin/sh\nexit 1\n")
    assert _found(systemd) == ()
