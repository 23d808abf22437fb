# SPDX-License-Identifier: Apache-2.0
"""Boards on every backend, for the suite that all of them must pass."""

import contextlib
import dataclasses
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import etcd3gw
import pytest
from kazoo.client import KazooClient
from oslo_serialization import msgpackutils

from amphv2_bootstrap.engine.board import (
    Board,
    BoardUnavailableError,
    ClaimRefusedError,
    Entry,
    NewEntry,
)
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.jobboards import registry
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.secret import Secret
from tests.servers.process import Server, wait_until
from tests.servers.zookeeper import zookeeper_client

LONG = 60.0
"""The expiry of a claim that must not expire during a test, in seconds."""

GARBAGE = (
    b"\xff\xfe garbage",
    b"[]",
    b"{}",
    b'{"uuid": "foreign", "name": 1}',
    b'{"uuid": "x\\n2026-01-01 forged line", "name": "n", "sequence": 1}',
    b'{"uuid": "x", "name": "n", "sequence": 1, "details": {"job": "a\\nb"}}',
    b"[" * 100_000,  # nested too deep for Python's json
    b"\x91" * 100_000,  # and for msgpack
)


class Boards:
    """Makes boards of one kind in their own namespace.

    ``short`` is the shortest expiry that the backend supports, in seconds.
    """

    short = 1.0

    def __init__(self, settings: BoardSettings, server: Server | None = None) -> None:
        self.settings = settings
        self._server = server
        self._made: list[Board] = []

    @property
    def server(self) -> Server:
        """The server process, which a test may kill, freeze and start again."""
        assert self._server is not None
        return self._server

    def make(self, **changes: Any) -> Board:
        """A board that is not connected yet, with some settings changed."""
        board = open_board(dataclasses.replace(self.settings, **changes))
        self._made.append(board)
        return board

    def open(self, **changes: Any) -> Board:
        """A connected board, closed by :meth:`close`."""
        board = self.make(**changes)
        board.connect()
        return board

    def close(self) -> None:
        for board in self._made:
            board.close()

    def plant(self) -> None:
        """Put invalid entries onto the board."""
        raise NotImplementedError

    def contents(self) -> dict[str, bytes]:
        """All entries, valid or not, as the backend stores them."""
        raise NotImplementedError


class RedisBoards(Boards):
    """Boards in a Redis with a password."""

    def plant(self) -> None:
        listed = msgpackutils.dumps({"uuid": "other", "name": "n", "sequence": 1})
        with contextlib.closing(self._client()) as client:
            key = f"{self.settings.namespace}:listings"
            for number, blob in enumerate((*GARBAGE, listed)):
                client.hset(key, f"stray{number}", blob)

    def contents(self) -> dict[str, bytes]:
        with contextlib.closing(self._client()) as client:
            found = client.hgetall(f"{self.settings.namespace}:listings")
        return {key.decode(): value for key, value in found.items()}

    def _client(self) -> Any:
        return self.server.client()  # type: ignore[attr-defined]


class ZookeeperBoards(Boards):
    """Boards in a ZooKeeper."""

    def plant(self) -> None:
        with self._client() as client:
            for number, blob in enumerate(GARBAGE):
                client.create(f"{self._path}/job{number:010d}", blob, makepath=True)
            for name in ("jobless", "stray", "job0000000099.lock", "job5"):
                client.create(f"{self._path}/{name}", b"{}")

    def contents(self) -> dict[str, bytes]:
        with self._client() as client:
            names = client.get_children(self._path)
            return {name: client.get(f"{self._path}/{name}")[0] for name in names}

    @property
    def _path(self) -> str:
        return f"/{self.settings.namespace}"

    def _client(self) -> AbstractContextManager[KazooClient]:
        return zookeeper_client(self.settings.port)


class EtcdBoards(Boards):
    """Boards in an etcd; its leases last at least two seconds."""

    short = 2.0

    def plant(self) -> None:
        for number, blob in enumerate(GARBAGE, start=1):
            self._client().put(f"{self._prefix}{number}.data", blob)
        for name in ("less.data", "5", "007.data", "99.lock"):
            self._client().put(self._prefix + name, json.dumps({"uuid": "x"}))

    def contents(self) -> dict[str, bytes]:
        found = self._client().get_prefix(self._prefix)
        return {metadata["key"].decode(): value for value, metadata in found}

    @property
    def _prefix(self) -> str:
        return f"/taskflow/jobs/{self.settings.namespace}/job"

    def _client(self) -> etcd3gw.Etcd3Client:
        return etcd3gw.client(self.settings.hosts[0], self.settings.port, timeout=10)


class SqlBoards(Boards):
    """Boards in a SQLite file or a MariaDB; each has its own connections."""

    def plant(self) -> None:
        with self._database().write() as connection:
            for number, blob in enumerate(GARBAGE, start=1):
                connection.execute(
                    schema.board_entries.insert().values(
                        board=self.settings.namespace,
                        uuid=f"stray{number}",
                        sequence=number,
                        body=blob.decode(errors="replace"),
                        modified_at=0.0,
                    )
                )

    def contents(self) -> dict[str, bytes]:
        with self._database().read() as connection:
            rows = connection.execute(schema.board_entries.select())
            return {row.uuid: row.body.encode() for row in rows}

    def _database(self) -> Database:
        return Database(self.settings.database)


Maker = Callable[[pytest.FixtureRequest], Boards]


def fixture_of(maker: Maker) -> Any:
    """A fixture: the boards of one maker, closed after the test."""

    @pytest.fixture
    def boards(request: pytest.FixtureRequest) -> Iterator[Boards]:
        with contextlib.closing(maker(request)) as made:
            yield made

    return boards


def redis(request: pytest.FixtureRequest) -> Boards:
    server = request.getfixturevalue("redis_server")
    return RedisBoards(
        settings_of("redis", server, password=Secret(server.password)), server
    )


def zookeeper(request: pytest.FixtureRequest) -> Boards:
    server = request.getfixturevalue("zookeeper_server")
    return ZookeeperBoards(settings_of("zookeeper", server), server)


def etcd(request: pytest.FixtureRequest) -> Boards:
    server = request.getfixturevalue("etcd_server")
    return EtcdBoards(settings_of("etcd", server), server)


def sql(request: pytest.FixtureRequest) -> Boards:
    folder: Path = request.getfixturevalue("tmp_path")
    return _sql_boards(f"sqlite:///{folder / 'engine.db'}")


def sql_on_mariadb(request: pytest.FixtureRequest) -> Boards:
    server = request.getfixturevalue("mariadb")
    server.execute("CREATE DATABASE engine")
    return _sql_boards(f"{server.root_url}/engine")


def _sql_boards(url: str) -> Boards:
    with contextlib.closing(Database(url)) as database:
        schema.metadata.create_all(database.engine)
    return SqlBoards(BoardSettings(driver="sql", namespace="test", database=url))


SERVED: tuple[Maker, ...] = (redis, zookeeper, etcd)
ALL: tuple[Maker, ...] = (*SERVED, sql, sql_on_mariadb)


def settings_of(driver: str, server: Any, **more: Any) -> BoardSettings:
    return BoardSettings(
        driver=driver,
        hosts=(server.host,),
        port=server.port,
        namespace=f"test-{uuid.uuid4().hex[:8]}",
        expiry=30.0,
        **more,
    )


def open_board(settings: BoardSettings) -> Board:
    """Open a board; if ``settings.database`` is a URL, connect to it first."""
    if isinstance(settings.database, str):
        settings = dataclasses.replace(settings, database=Database(settings.database))
    return registry.open_board(settings)


def new_entry(sequence: int = 1) -> NewEntry:
    """An entry that ``sequence`` identifies."""
    return NewEntry(
        uuid=str(uuid.UUID(int=1000 - sequence)),
        sequence=sequence,
        name="cloud",
        details={"host": "ctl-ü", "number": sequence, "list": [None, 1.5]},
        book_uuid=str(uuid.UUID(int=7)),
        book_name="book",
    )


def posted(board: Board, sequence: int = 1) -> Entry:
    """Post an entry and find it again."""
    wanted = new_entry(sequence)
    board.post_entry(wanted)
    return next(entry for entry in board.entries() if entry.uuid == wanted.uuid)


def can_claim(board: Board, entry: Entry, owner: str, expiry: float = LONG) -> bool:
    try:
        board.claim_entry(entry, owner, expiry)
    except ClaimRefusedError:
        return False
    return True


def wait_for_claim(board: Board, entry: Entry, owner: str, what: str) -> None:
    """Return when ``owner`` has claimed the entry on ``board``."""
    wait_until(
        lambda: can_claim(board, entry, owner),
        what=what,
        state=lambda: list(board.entries()),
    )


def answers(board: Board) -> bool:
    """Whether the board reaches its backend."""
    return _error_of(board) is None


def _error_of(board: Board) -> BoardUnavailableError | None:
    try:
        board.entries()
    except BoardUnavailableError as exc:
        return exc
    return None


def wait_for_answers(*boards: Board, what: str) -> None:
    """Return when each of the boards works."""
    wait_until(
        lambda: all(map(answers, boards)),
        what=what,
        state=lambda: [str(_error_of(board)) for board in boards],
    )


def settle(board: Board) -> None:
    """Return when the board has not changed for half a second."""

    def is_quiet() -> bool:
        board.entries()
        began = time.monotonic()
        board.wait_for_change(0.5)
        return time.monotonic() - began >= 0.5

    wait_until(is_quiet, what="the board is quiet", state=board.entries)


def ends_wait(board: Board, change: Callable[[], object]) -> bool:
    """Whether ``change``, made while the board waits, ends the wait early."""
    settle(board)
    timer = threading.Timer(0.1, change)
    began = time.monotonic()
    timer.start()
    board.wait_for_change(LONG)
    timer.join()
    return time.monotonic() - began < LONG / 2
