# SPDX-License-Identifier: Apache-2.0
"""The servers of one run of the benchmarks, and the jobboards on them."""

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.secret import Secret
from benchmarks.places import Place
from benchmarks.postgresql import PostgreSQL
from tests.servers.etcd import EtcdServer, running_etcd
from tests.servers.mariadb import MariaDB
from tests.servers.redis import RedisServer, running_redis
from tests.servers.zookeeper import ZookeeperServer, running_zookeeper

# The tests' server waits for no disk.
_ON_DISK = ("--innodb-flush-method=fsync", "--skip-debug-no-sync")
BOARDS = ("redis", "zookeeper", "etcd", "sql on SQLite", "sql on MariaDB")
_S = TypeVar("_S")


class Servers:
    """Each server starts at its first use, and stops at the end."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    def new_folder(self) -> Path:
        """An empty folder that lasts as long as the servers."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def _start(self, running: Callable[[Path], AbstractContextManager[_S]]) -> _S:
        return self._stack.enter_context(running(self.new_folder()))

    @cached_property
    def mariadb(self) -> MariaDB:
        """innodb_flush_log_at_trx_commit is 1: a commit is on disk."""
        server = MariaDB(self.new_folder(), *_ON_DISK)
        server.install()
        self._stack.callback(server.stop)
        # Omit the cost of the log of statements, which the tests read.
        server.execute("SET GLOBAL general_log = OFF")
        return server

    @cached_property
    def postgresql(self) -> PostgreSQL:
        """A commit is on disk."""
        server = PostgreSQL(self.new_folder())
        self._stack.callback(server.stop)
        server.start()
        return server

    @cached_property
    def redis(self) -> RedisServer:
        """appendfsync is always: an answer is on disk."""
        return self._start(running_redis)

    @cached_property
    def zookeeper(self) -> ZookeeperServer:
        """One server; it ends sessions in ticks of 2 s, its default."""
        return self._start(partial(running_zookeeper, tick=2000, longest=40_000))

    @cached_property
    def etcd(self) -> EtcdServer:
        """One member."""
        return self._start(running_etcd)

    def database_url(self, name: str) -> str:
        """A new, empty database on MariaDB."""
        server = self.mariadb
        server.execute(f"CREATE DATABASE `{name}`")
        account = f"root:{quote(server.root_password, safe='')}"
        return f"mysql+pymysql://{account}@{server.host}:{server.port}/{name}"

    def place(self, board: str) -> Place:
        """A new board of the kind ``board`` of :data:`BOARDS`, with a new database."""
        unique = f"bench_{uuid.uuid4().hex[:8]}"
        if board == "sql on SQLite":
            url = f"sqlite:///{self.new_folder()}/engine.sqlite"
        else:
            url = self.database_url(unique)
        driver = board.split()[0]
        fields: dict[str, Any] = {"driver": driver, "namespace": unique}
        if driver != "sql":
            server: Any = getattr(self, driver)
            fields["port"] = server.port
            password = getattr(server, "password", None)
            fields["password"] = Secret(password) if password else None
        return Place(board, url, BoardSettings(**fields))


@contextlib.contextmanager
def running_servers() -> Iterator[Servers]:
    """The servers, none of them started yet; all are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))  # short: a socket's path
    # Servers that run as other accounts have their folders below it.
    folder.chmod(0o711)
    try:
        with contextlib.ExitStack() as stack:
            yield Servers(folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
