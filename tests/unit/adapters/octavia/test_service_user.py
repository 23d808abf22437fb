# SPDX-License-Identifier: Apache-2.0
"""The user of Octavia's services, and what that user can import."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia import (
    db_manage,
    introspection,
    program_runner,
)
from amphv2_bootstrap.adapters.octavia.service_user import service_user
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import NOTHING_SECRET
from amphv2_bootstrap.spec.model import HostSettings

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user"
)
_USER = "nobody"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can read, unlike ``tmp_path``."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _user_of(folder: Path, **users: str) -> str | None:
    """The result for active units with these users; a fake systemctl shows them."""
    program = folder / "systemctl"
    program.write_text('#!/bin/sh\nfor last; do :; done\ncat "$0.$last"\n')
    program.chmod(0o755)
    for unit, user in users.items():
        text = f"LoadState=loaded\nActiveState=active\nUser={user}\n"
        (folder / f"systemctl.{unit}.service").write_text(text)
    host = HostSettings(
        name="c1",
        state_path=str(folder),
        config_files=(str(folder / "octavia.conf"),),
        admin=DatabaseUrl("mysql+pymysql", "root", "db"),
        db_manage_command=("octavia-db-manage",),
        services=tuple(users),
    )
    return service_user(host, Systemd(str(program), str(folder)))


@pytest.mark.parametrize(
    ("users", "found"),
    [
        ({"api": _USER, "worker": _USER}, _USER),
        ({"api": "", "worker": _USER}, None),
        ({"api": "root"}, None),
        ({"api": ""}, None),
        ({"api": "no-such-user"}, None),
        ({}, None),
    ],
)
def test_the_user_of_all_units(
    folder: Path, users: dict[str, str], found: str | None
) -> None:
    """Only a user that all units share, and that isn't root, is known."""
    assert _user_of(folder, **users) == found


def test_a_program_as_another_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has that user's groups and home, and none of our variables."""
    monkeypatch.setenv("OS_PASSWORD", "word")
    script = "id -un; id -G; echo ${OS_PASSWORD-unset}; echo $USER; pwd"
    done = commands.run(("/bin/sh", "-c", script), timeout=60, user=_USER)
    user, groups, password, variable, place = done.stdout.splitlines()
    assert (user, password, variable, place) == (_USER, "unset", _USER, "/")
    assert "0" not in groups.split()


def _public_python() -> str:
    """A Python that the user may run; without one, the test is skipped."""
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        with contextlib.suppress(PermanentError):
            commands.run((python, "--version"), timeout=60, user=_USER)
            return python
    return pytest.skip(f"{_USER} may run no Python here")


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_library_that_the_user_cannot_read(folder: Path, mode: int) -> None:
    """A library that only root can read counts as missing."""
    python, base = folder / "bin" / "python3", _public_python()
    ask = "import sys; print('python%d.%d' % sys.version_info[:2])"
    version = commands.run((base, "-c", ask), timeout=60).stdout.strip()
    library = folder / "lib" / version / "site-packages" / "taskflow"
    module = library / "jobs" / "backends" / "impl_redis.py"
    module.parent.mkdir(parents=True)
    module.touch()
    python.parent.mkdir()
    python.symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {python.resolve().parent}\n")
    library.chmod(mode)
    ready, why = introspection.can_import_driver(str(python), "redis", _USER)
    assert ready is (mode == 0o755), why
    assert ready or why.startswith("as the user nobody: ModuleNotFoundError")
    assert introspection.can_import_driver(str(python), "redis") == (True, "")


def test_what_proves_runs_as_the_user(folder: Path) -> None:
    """It opens the sources itself, but gets the text of our own private file."""
    python = folder / "python"
    answer = '{"facts": {"user": "%s", "request": %s}}\\n'
    script = f'read -r request\nprintf \'{answer}\' "$(id -un)" "$request"\n'
    python.write_text(f"#!/bin/sh\n{script}")
    python.chmod(0o755)
    conf, state = folder / "octavia.conf", folder / "state"
    conf.touch()
    state.mkdir(mode=0o700)
    with db_manage.options_overlay(state, {"jobboard_enabled": "True"}) as overlay:
        result = program_runner.run(
            str(python),
            "canary",
            [str(conf), str(overlay)],
            timeout=60,
            masker=NOTHING_SECRET,
            user=_USER,
        )
    assert result.facts is not None
    assert result.facts["user"] == _USER
    files = result.facts["request"]["files"]
    assert list(files) == [str(overlay)]
    assert "jobboard_enabled = True" in files[str(overlay)]
