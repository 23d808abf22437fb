# SPDX-License-Identifier: Apache-2.0
"""The user of Octavia's services, and what that user can import."""

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
from amphv2_bootstrap.checks.finding import FAILED
from amphv2_bootstrap.checks.host import client_library
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import NOTHING_SECRET
from amphv2_bootstrap.spec.model import HostSettings
from amphv2_bootstrap.steps.controller.ensure_client_library import EnsureClientLibrary
from tests.unit.adapters.octavia.private_library import (
    USER,
    OneUser,
    only_as_root,
    python_with_library,
)
from tests.unit.steps.controller_host import Controller

pytestmark = only_as_root
_USER = USER


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


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_library_that_the_user_cannot_read(folder: Path, mode: int) -> None:
    """A library that only root can read counts as missing."""
    python = python_with_library(folder, mode)
    ready, why = introspection.can_import_driver(python, "redis", _USER)
    assert ready is (mode == 0o755), why
    assert ready or why.startswith("as the user nobody: ModuleNotFoundError")
    assert introspection.can_import_driver(python, "redis") == (True, "")


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_the_step_and_verify_import_as_the_user(folder: Path, mode: int) -> None:
    """What pip made readable for root only is found before a service needs it."""
    controller = Controller(folder)
    controller.settings["octavia_python"] = python_with_library(folder, mode)
    controller.settings["restart_commands"] = ()
    states = {one.state for one in client_library(controller.context, OneUser())}
    assert (FAILED in states) is (mode == 0o700)
    if mode == 0o700:
        with pytest.raises(PermanentError, match="as the user nobody"):
            EnsureClientLibrary(controller.context, OneUser()).act()
    else:
        assert EnsureClientLibrary(controller.context, OneUser()).act().made == ()


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
