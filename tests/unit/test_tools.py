# SPDX-License-Identifier: Apache-2.0
"""``tools/lib.sh``, as root in a checkout that another user owns; lists of releases."""

import re
import subprocess
from pathlib import Path

import pytest

from tests import REPOSITORY

LIB = REPOSITORY / "tools" / "lib.sh"
LISTS = REPOSITORY / "tools" / "octavia-releases"
# They replace the system's programs: the user is root, and 4711 owns the checkout.
_PROGRAMS = {
    "id": "echo 0",
    "stat": "echo 4711",
    "setpriv": 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',
    "getent": "exit 2",
}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs that precede the system's on the path."""
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


def test_an_owner_may_have_no_name(programs: Path) -> None:
    """A command runs under the owner's number, as with a container's volume."""
    done = _run(programs, "as_owner env")
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.splitlines())
    assert {"HOME=/nonexistent", "USER=4711", "LOGNAME=4711"} <= found


def test_the_owner_has_its_own_name_and_home(programs: Path) -> None:
    """HOME, USER and LOGNAME are the owner's, not those that sudo has set."""
    _put(programs / "getent", "echo carol:x:4711:4711:Carol,,,:/home/carol:/bin/sh")
    done = _run(programs, "as_owner env")
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.splitlines())
    assert {"HOME=/home/carol", "USER=carol", "LOGNAME=carol"} <= found


def test_the_exit_code_of_the_command_is_kept(programs: Path) -> None:
    """The script ends with the exit code of the owner's command."""
    assert _run(programs, "as_owner sh -c 'exit 7'").returncode == 7


def test_find_python_finds_one_that_the_owner_may_run(
    programs: Path, tmp_path: Path
) -> None:
    """A Python that only root may run, such as a pyenv in /root, is skipped."""
    _put(programs / "setpriv", f"export OWNER=1\n{_PROGRAMS['setpriv']}")
    closed, own = tmp_path / "closed", tmp_path / "own"
    _put(closed, '[ -z "${OWNER:-}" ]')
    _put(own, "exit 0")
    (programs / "python3.11").symlink_to(own)
    done = _run(programs, f"PYTHON={closed} find_python")
    assert done.stdout == f"{programs}/python3.11\n", done.stderr


@pytest.mark.parametrize("file", sorted(LISTS.glob("[0-9]*.txt")), ids=lambda p: p.stem)
def test_each_list_of_a_release_is_exact(file: Path) -> None:
    """Every package has one version, and Octavia is of that release."""
    lines = [line for line in file.read_text().splitlines() if line[0] != "#"]
    pins = dict(line.split("==") for line in lines)
    assert len(pins) == len(lines)
    assert re.match(rf"{file.stem}\.\d+\.\d+$", pins["octavia"])
    assert {"taskflow", "redis", "kazoo", "etcd3gw", "PyMySQL"} <= pins.keys()


def test_a_release_without_a_list_is_refused() -> None:
    """The error names the release; nothing is installed."""
    done = subprocess.run(
        ["bash", str(REPOSITORY / "tools" / "octavia-venv.sh"), "6.2"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "no list of packages for Octavia 6.2" in done.stderr
