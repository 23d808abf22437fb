# SPDX-License-Identifier: Apache-2.0
"""The pages for beginners: each command is typed as it stands, on real servers."""

import contextlib
import shlex
from pathlib import Path

import pytest

from tests.functional.pages.cloud import Cloud
from tests.functional.pages.machine import Machine, running_machine
from tests.functional.pages.page import Typed, typed
from tests.help_examples import examples
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.timeout(600)  # whole bootstraps, and each help


@pytest.fixture
def cloud(
    tmp_path: Path, mariadb: MariaDB, redis_server: RedisServer, octavia_venv: Path
) -> Cloud:
    found = Cloud(mariadb, redis_server, octavia_venv, tmp_path)
    found.make()
    return found


def test_quick_start(cloud: Cloud, tmp_path: Path) -> None:
    """One controller: each command succeeds, and shows what the page shows.

    Then the examples succeed that the commands which need a cloud have in their help.
    """
    with running_machine("controller1", tmp_path / "machines") as machine:
        cloud.set_up(machine)
        for each in typed("quick-start"):
            cloud.type(machine, each)
        for command in ("plan", "run", "verify"):
            # On the terminal alone it waits in a pager.
            text = cloud.type(machine, _typed(f"{command} --help | cat"), 0)
            for example in examples(text):
                assert example[0] == command
                cloud.type(machine, _typed(shlex.join(example)), 0)
        assert "is there already" in cloud.type(machine, _typed("init"), 2)


def _typed(arguments: str) -> Typed:
    return Typed(f"amphv2-bootstrap {arguments}", ())


@pytest.mark.long
def test_three_controllers(cloud: Cloud, tmp_path: Path) -> None:
    """A cloud: what the page has its reader type on every controller is typed there."""
    names = ("controller1", "controller2", "controller3")
    with contextlib.ExitStack() as stack:
        first, *others = [
            stack.enter_context(running_machine(name, tmp_path / "machines"))
            for name in names
        ]
        for machine in (first, *others):
            cloud.set_up(machine)
        *install, link = [*typed("quick-start")][:3]
        for each in (*install, link):
            cloud.type(first, each)
        for machine in others:  # they share what is installed
            cloud.type(machine, link)
        for each in typed("three-controllers"):
            if "conductor list" in each.command:
                _wait_for_conductors(first, len(names))
            cloud.type(first, each)
            if each.command.startswith(("cp ", "systemctl ")):
                for machine in others:
                    cloud.type(machine, each)


def _wait_for_conductors(machine: Machine, count: int) -> None:
    command = "amphv2-bootstrap conductor list -f value -c state"
    wait_until(
        lambda: machine.type(command)[1].count("alive") == count,
        what="all conductors are there",
        state=lambda: machine.read("/mnt/conductor.log"),
    )
