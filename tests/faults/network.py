# SPDX-License-Identifier: Apache-2.0
"""The network between conductors and their servers, and the servers' contents."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from kazoo.exceptions import NoNodeError

from amphv2_bootstrap.engine.storage import schema
from tests.contract import boards
from tests.faults.cloud import Backends, Cloud
from tests.faults.conductor_process import board_settings
from tests.servers.proxy import Proxy, running_proxy

DATABASE, BOARD, BOTH = "database", "board", "both"
TARGETS = (DATABASE, BOARD, BOTH)
WAYS = ("cut", "swallow", "restart")
SERVED = ("sql-mariadb", "redis", "zookeeper", "etcd")


@dataclass(frozen=True)
class Network:
    """Proxies before the database and the board; ``backends`` lead through them.

    ``sql-mariadb`` has two proxies before one server.
    """

    backends: Backends
    database: Proxy
    board: Proxy
    database_server: Any
    board_server: Any

    @contextlib.contextmanager
    def away(self, target: str, way: str) -> Iterator[None]:
        """Meanwhile the conductors can't reach the target.

        ``cut`` closes connections, ``swallow`` is a black hole, ``restart`` kills the
        server and starts it again.
        """
        if way == "restart":
            servers = self._servers(target)
            for server in servers:
                server.kill()
            try:
                yield
            finally:
                for server in servers:
                    server.start()
            return
        proxies = self._proxies(target)
        for proxy in proxies:
            (proxy.cut if way == "cut" else proxy.swallow)()
        try:
            yield
        finally:
            for proxy in proxies:
                proxy.heal()

    def _proxies(self, target: str) -> list[Proxy]:
        found = {DATABASE: [self.database], BOARD: [self.board]}
        return found.get(target, [self.database, self.board])

    def _servers(self, target: str) -> list[Any]:
        found = {DATABASE: [self.database_server], BOARD: [self.board_server]}
        both = dict.fromkeys([self.database_server, self.board_server])
        return found.get(target, list(both))


@contextlib.contextmanager
def between(
    request: pytest.FixtureRequest, kind: str, cloud: Cloud
) -> Iterator[Network]:
    """Run proxies before the servers of a cloud with its database on MariaDB."""
    mariadb = request.getfixturevalue("mariadb")
    server = mariadb
    if kind != "sql-mariadb":
        server = request.getfixturevalue(f"{kind}_server")
    with (
        running_proxy(mariadb.host, mariadb.port) as to_database,
        running_proxy(server.host, server.port) as to_board,
    ):
        url = _through(cloud.backends.database, to_database)
        options: dict[str, Any] = dict(cloud.backends.board)
        if kind == "sql-mariadb":
            options["database"] = _through(options["database"], to_board)
        else:
            options["port"] = to_board.port
        backends = Backends(url, options)
        yield Network(backends, to_database, to_board, mariadb, server)


def _through(url: str, proxy: Proxy) -> str:
    made = sa.make_url(url).set(port=proxy.port)
    return made.render_as_string(hide_password=False)


def contents(request: pytest.FixtureRequest, kind: str, cloud: Cloud) -> boards.Boards:
    """Access to the backend of the cloud's board, by means of the contract suite."""
    settings = dataclasses.replace(board_settings(cloud.script("tester")), expiry=30.0)
    made: dict[str, Callable[..., boards.Boards]] = {
        "redis": boards.RedisBoards,
        "zookeeper": boards.ZookeeperBoards,
        "etcd": boards.EtcdBoards,
    }
    if kind not in made:
        return boards.SqlBoards(settings)
    return made[kind](settings, request.getfixturevalue(f"{kind}_server"))


def wipe(found: boards.Boards) -> None:
    """Delete all entries of the board from its backend."""
    namespace = found.settings.namespace
    if isinstance(found, boards.RedisBoards):
        with contextlib.closing(found._client()) as client:
            client.flushall()
    elif isinstance(found, boards.ZookeeperBoards):
        # The folder may not exist yet. It stays, since a conductor may post into it.
        with found._client() as client, contextlib.suppress(NoNodeError):
            for name in client.get_children(f"/{namespace}"):
                with contextlib.suppress(NoNodeError):
                    client.delete(f"/{namespace}/{name}")
    elif isinstance(found, boards.EtcdBoards):
        found._client().delete_prefix(f"/taskflow/jobs/{namespace}/")
    elif isinstance(found, boards.SqlBoards):
        with found._database().write() as connection:
            table = schema.board_entries
            connection.execute(table.delete().where(table.c.board == namespace))


def compact(found: boards.Boards) -> None:
    """Make etcd delete all revisions except the newest."""
    assert isinstance(found, boards.EtcdBoards)
    client = found._client()
    revision = client.status()["header"]["revision"]
    asked = {"revision": revision, "physical": True}
    client.post(client.get_url("/kv/compaction"), json=asked)


def spend(seconds: float) -> None:
    """Let a fault last for so many seconds."""
    time.sleep(seconds)
