# SPDX-License-Identifier: Apache-2.0
"""A host loses its network, or its power, while it upgrades the schema.

Its packets are dropped: no FIN tells the server that a connection has ended.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymysql
import pytest

from amphv2_bootstrap.adapters.schema.revisions import KNOWN_HEAD
from tests.functional.steps.older_schema import OlderSchema
from tests.functional.steps.target import DATABASE, PASSWORD, writes
from tests.functional.steps.upgrade_once import Settings, finish, start
from tests.servers.mariadb import MariaDB, running_mariadb
from tests.servers.netns import Host, two_hosts
from tests.servers.octavia import find_octavia
from tests.servers.process import wait_until

KILLER = Path(__file__).with_name("killed_db_manage.py")
STOPPED_AT = "19!"
"""octavia-db-manage is stopped after so many of its writes, and keeps its session."""


@dataclass
class Cloud:
    """A database server on one host, and another host that upgrades the schema."""

    server: MariaDB
    beside: Host
    lost: Host
    folder: Path

    def settings(self, name: str, *db_manage: str) -> Settings:
        folder = self.folder / name
        folder.mkdir()
        server, python = self.server, str(find_octavia() / "bin" / "python")
        return Settings(
            server.host,
            server.port,
            server.root_password,
            str(folder),
            db_manage or (str(find_octavia() / "bin" / "octavia-db-manage"),),
            python,
        )

    def begin(self) -> "subprocess.Popen[str]":
        """Begin an upgrade on the host that will be lost; it stops in the middle."""
        python, mark = str(find_octavia() / "bin" / "python"), self.folder / "mark"
        stopping = (python, str(KILLER), STOPPED_AT, str(mark))
        process = start(self.settings("lost", *stopping), self.lost.within)
        wait_until(
            lambda: mark.exists() and _stopped(process.pid),
            what="octavia-db-manage has stopped in the middle",
            state=self.sessions,
        )
        return process

    def sessions(self) -> list[tuple[object, ...]]:
        return self.server.execute("SHOW FULL PROCESSLIST")

    def connect(self) -> pymysql.Connection:
        return self.server.connect(user="octavia", password=PASSWORD, database=DATABASE)


def _stopped(pid: int) -> int:
    """The stopped one of the programs that the step has started; 0 if there is none."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # it may end at any time
            if Path(f"/proc/{child}/stat").read_text().split()[2] == "T":
                return int(child)
    return 0


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    find_octavia()
    with two_hosts() as (one, two), running_mariadb(on=one) as server:
        server.execute(f"CREATE DATABASE `{DATABASE}` CHARACTER SET utf8mb4")
        account = "octavia@'%%' IDENTIFIED BY %s"
        server.execute(f"CREATE USER {account}", (PASSWORD,))
        server.execute(f"GRANT ALL ON `{DATABASE}`.* TO octavia@'%'")
        yield Cloud(server, one, two, tmp_path)


@pytest.fixture
def whole(mariadb: MariaDB, templates: dict[str, list[str]]) -> list[str]:
    """The tables after an undisturbed upgrade."""
    return OlderSchema(mariadb, templates).tables_at(KNOWN_HEAD)


def test_another_host_goes_on(cloud: Cloud, whole: list[str]) -> None:
    """What the lost host left on the server ends soon; no other session is touched."""
    lost = cloud.begin()
    cloud.lost.cut()
    lost.kill()
    lost.wait()
    with contextlib.closing(cloud.connect()) as stranger:
        ended = finish(start(cloud.settings("next"), cloud.beside.within))
        *waited, effect = ended.output.splitlines()
        assert effect == "changed"
        cursor = stranger.cursor()
        assert cursor.execute("SELECT 1") == 1
    # The operator sees which host is waited for.
    assert f"octavia from {cloud.lost.address}:" in waited[0]
    assert OlderSchema(cloud.server).tables() == whole


def test_a_host_that_comes_back_changes_nothing(cloud: Cloud, whole: list[str]) -> None:
    """A host that was cut off, and upgrades on afterwards, finds its session ended."""
    lost = cloud.begin()
    cloud.lost.cut()
    ended = finish(start(cloud.settings("next"), cloud.beside.within))
    assert ended.output.splitlines()[-1] == "changed"
    mark = cloud.server.mark()
    cloud.lost.heal()
    os.kill(_stopped(lost.pid), signal.SIGCONT)
    came_back = finish(lost)
    assert "changed" not in came_back.output
    assert writes(cloud.server.statements(mark)) == []
    assert OlderSchema(cloud.server).tables() == whole
