# SPDX-License-Identifier: Apache-2.0
"""What the scripts of ``tools`` share, run as root where the owner is another."""

import subprocess
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[2] / "tools" / "lib.sh"
# In the place of the system's programs: root runs it, 4711 owns the checkout.
_PROGRAMS = {
    "id": "echo 0",
    "stat": "echo 4711",
    "setpriv": 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',
    "getent": "exit 2",
}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs that go before the system's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, line in _PROGRAMS.items():
        _put(folder / name, line)
    return folder


def _put(program: Path, line: str) -> None:
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)


def _run(programs: Path, command: str) -> "subprocess.CompletedProcess[str]":
    script = f"set -euo pipefail\n. '{LIB}'\n{command}"
    return subprocess.run(
        ["bash", "-c", script],
        env={
            "PATH": f"{programs}:/usr/sbin:/usr/bin:/bin",
            "HOME": "/root",
            "USER": "root",
            "LOGNAME": "root",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_owner_without_a_name_is_one(programs: Path) -> None:
    """As of a container's volume: its commands run, under its number."""
    done = _run(programs, "as_owner env")
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.splitlines())
    assert {"HOME=/nonexistent", "USER=4711", "LOGNAME=4711"} <= found


def test_the_owner_has_its_own_name_and_home(programs: Path) -> None:
    """Not root's, which sudo has set."""
    _put(programs / "getent", "echo carol:x:4711:4711:Carol,,,:/home/carol:/bin/sh")
    done = _run(programs, "as_owner env")
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.splitlines())
    assert {"HOME=/home/carol", "USER=carol", "LOGNAME=carol"} <= found


def test_a_failing_command_of_the_owner_is_told(programs: Path) -> None:
    """Its exit code is the script's."""
    assert _run(programs, "as_owner sh -c 'exit 7'").returncode == 7


def test_the_python_that_is_taken_runs_as_the_owner(
    programs: Path, tmp_path: Path
) -> None:
    """One that only root may run, as of a pyenv in /root, is passed over."""
    _put(programs / "setpriv", f"export OWNER=1\n{_PROGRAMS['setpriv']}")
    closed, own = tmp_path / "closed", tmp_path / "own"
    _put(closed, '[ -z "${OWNER:-}" ]')
    _put(own, "exit 0")
    (programs / "python3.11").symlink_to(own)
    done = _run(programs, f"PYTHON={closed} find_python")
    assert done.stdout == f"{programs}/python3.11\n", done.stderr
