# SPDX-License-Identifier: Apache-2.0
"""A private MariaDB; its general log is an independent ledger of statements."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pytest

from tests.servers.certificates import Authority, Pair
from tests.servers.netns import Host
from tests.servers.process import Server, binary, free_port

ROOT_PASSWORD = "r@o:o/t#%$'\\\" pass"
"""Has the characters that URLs, oslo.config, INI files and SQL treat specially."""

# The server refuses to run as root without this option.
_RUN_AS = () if os.geteuid() else ("--user=root",)
_SYSTEM_DATABASES = {"information_schema", "mysql", "performance_schema", "sys"}
_SYSTEM_USERS = {"root", "mariadb.sys", "mysql", "PUBLIC"}
_ENTRY = re.compile(r"^(?:\d{6}\s+\d{1,2}:\d\d:\d\d|\s*)\t\s*(\d+) (\w[\w ]*?)\t(.*)$")


class MariaDB:
    """One server on a loopback port and a socket, with its own folder.

    It resolves names, so ``'octavia'@'localhost'`` is the account of both socket and
    loopback connections. What it has committed survives :meth:`kill`.
    """

    def __init__(
        self,
        folder: Path,
        *more_options: str,
        on: Host | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.host = on.address if on else "127.0.0.1"
        self.port = free_port()
        self.socket = str(folder / "mysqld.sock")
        self.root_password = ROOT_PASSWORD
        self.test_began = 0
        self._log = folder / "general.log"
        self._server = Server(
            [
                *(on.within if on else ()),
                binary("mariadbd", "mysqld"),
                *self._options(),
                *more_options,
            ],
            log=folder / "error.log",
            ready=self._answers,
            env=env,
        )

    @property
    def root_url(self) -> str:
        """SQLAlchemy URL of the administrator, without a database."""
        password = quote(self.root_password, safe="")
        return f"mysql+pymysql://root:{password}@{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        return self._server.pid

    def install(self) -> None:
        """Make the data folder, start the server and set root's password."""
        (self.folder / "tmp").mkdir()
        command = [
            binary("mariadb-install-db", "mysql_install_db"),
            "--no-defaults",
            *self._folders(),
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=8M",
            *_RUN_AS,
        ]
        made = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=120
        )
        assert made.returncode == 0, made.stdout + made.stderr
        password, self.root_password = self.root_password, ""
        self.start()
        for user, host in self.execute("SELECT user, host FROM mysql.user"):
            if not user or (user == "root" and host != "localhost"):
                self.execute("DROP USER %s@%s", (user, host))
        self.execute("SET PASSWORD FOR root@localhost = PASSWORD(%s)", (password,))
        self.root_password = password

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        self._server.kill()

    def connect(self, **options: Any) -> pymysql.Connection:
        """A connection as root through the socket; ``options`` override this."""
        return pymysql.connect(
            **{
                "unix_socket": self.socket,
                "user": "root",
                "password": self.root_password,
                "autocommit": True,
                "charset": "utf8mb4",
                "connect_timeout": 10,
                **options,
            }
        )

    def execute(
        self, sql: str, args: Any = None, **options: Any
    ) -> list[tuple[Any, ...]]:
        """Run one statement as root; return all rows."""
        connection = self.connect(**options)
        try:
            cursor = connection.cursor()
            cursor.execute(sql, args)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def statements(self, start: int | None = None) -> list[str]:
        """Every statement that any client sent, in order.

        :param start: a place in the ledger, from :meth:`mark`; by default the place
            where the present test began.
        """
        return [text for _, text in self.sent(start)]

    def sent(self, start: int | None = None) -> list[tuple[int, str]]:
        """As :meth:`statements`, each with the number of its connection."""
        place = self.test_began if start is None else start
        text = self._log.read_bytes()[place:].decode(errors="replace")
        found: list[tuple[int, str]] = []
        inside = False
        for line in text.splitlines():
            entry = _ENTRY.match(line)
            if entry is not None:
                inside = entry[2] in ("Query", "Execute")
                if inside:
                    found.append((int(entry[1]), entry[3]))
            elif inside:
                number, begun = found[-1]
                found[-1] = (number, f"{begun}\n{line}")
        return found

    def mark(self) -> int:
        """The present end of the ledger, as a start for :meth:`statements`."""
        return self._log.stat().st_size

    def clean(self) -> None:
        """Drop all databases, accounts and roles except the server's own."""
        for (name,) in self.execute("SHOW DATABASES"):
            if name not in _SYSTEM_DATABASES:
                self.execute(f"DROP DATABASE `{name.replace('`', '``')}`")
        for user, host, is_role in self.execute(
            "SELECT user, host, is_role FROM mysql.user"
        ):
            if is_role == "Y" and user not in _SYSTEM_USERS:
                self.execute("DROP ROLE %s", (user,))
            elif user not in _SYSTEM_USERS or (user == "root" and host != "localhost"):
                self.execute("DROP USER %s@%s", (user, host))

    def _answers(self) -> bool:
        return self.execute("SELECT 1") == [(1,)]

    def _folders(self) -> list[str]:
        # A server that starts removes the temporary tables of all servers from tmpdir.
        return [
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder / 'tmp'}",
        ]

    def _options(self) -> list[str]:
        return [
            "--no-defaults",
            *self._folders(),
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'mysqld.pid'}",
            f"--port={self.port}",
            f"--bind-address={self.host}",
            *_RUN_AS,
            "--general-log=1",
            f"--general-log-file={self._log}",
            # Written with each commit, so that it survives the server; but no disk is
            # waited for, since the machine isn't switched off.
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-flush-method=nosync",
            "--debug-no-sync",
            "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
            "--innodb-log-buffer-size=1M",
            "--key-buffer-size=1M",
            "--aria-pagecache-buffer-size=1M",
            "--performance-schema=0",
            "--character-set-server=latin1",
        ]


def tls_options(authority: Authority, pair: Pair) -> list[str]:
    """Options of ``mariadbd``: it offers TLS, and trusts the authority's clients."""
    return [
        f"--ssl-ca={authority.file}",
        f"--ssl-cert={pair.certificate}",
        f"--ssl-key={pair.key}",
    ]


def tls_arguments(authority: Authority, client: Pair | None = None) -> dict[str, str]:
    """The arguments of a URL: the server is verified, and sees the certificate."""
    found = {"ssl_ca": str(authority.file)}
    if client:
        found |= {"ssl_cert": str(client.certificate), "ssl_key": str(client.key)}
    return found


@contextlib.contextmanager
def running_mariadb(*more_options: str, on: Host | None = None) -> Iterator[MariaDB]:
    """A server of its own, with more options of ``mariadbd``.

    :param on: the host on which it runs, in place of this one's loopback.
    """
    # Not in tmp_path: the path of a socket must be short.
    with tempfile.TemporaryDirectory(
        prefix="mariadb-", ignore_cleanup_errors=True
    ) as folder:
        server = MariaDB(Path(folder), *more_options, on=on)
        try:
            server.install()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDB]:
    """One server for the whole session; tests take ``mariadb``."""
    with running_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def tls_mariadb(authority: Authority) -> Iterator[MariaDB]:
    """A server with TLS by ``authority``; its root has the password of all others."""
    options = tls_options(authority, authority.server("mariadb"))
    with running_mariadb(*options) as server:
        yield server


@pytest.fixture
def mariadb(mariadb_server: MariaDB) -> Iterator[MariaDB]:
    """The session's server, without databases and accounts of other tests."""
    mariadb_server.clean()
    mariadb_server.test_began = mariadb_server.mark()
    yield mariadb_server
    mariadb_server.clean()
