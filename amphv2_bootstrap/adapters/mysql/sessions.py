# SPDX-License-Identifier: Apache-2.0
"""Connects to MariaDB and MySQL, and runs statements."""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pymysql
import sqlalchemy
from pymysql.converters import conversions, escape_item, escape_str
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql

from amphv2_bootstrap.adapters.host.certificates import socket_warnings
from amphv2_bootstrap.adapters.mysql.cancel_query import cancellable
from amphv2_bootstrap.adapters.mysql.errors import (
    DatabaseRefusalError,
    translated,
)
from amphv2_bootstrap.errors import BootstrapError, CancelledError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import MASK, NOTHING_SECRET, Masker
from amphv2_bootstrap.spec.mysql_connection import MySQLConnection
from amphv2_bootstrap.spec.secret import Secret

Row = tuple[Any, ...]

LOCK_WAIT_SECONDS = 20
"""How long a statement may wait for a table. It is below the read timeout, so that
the server runs no statement after its client stopped waiting."""

# With a fixed mode, quotes, backslashes and SHOW GRANTS mean the same everywhere.
_SESSION = (
    f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}, sql_mode = 'TRADITIONAL'"
)
_CONNECT_SECONDS = 10
_IO_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier as an argument of a statement, quoted with backticks."""

    text: str


@dataclass(frozen=True, slots=True)
class GrantName:
    """A database's name in GRANT and REVOKE, where ``_`` and ``%`` are wildcards."""

    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and its arguments; see :meth:`Session.rows`.

    Its text is what the server gets, with each :class:`.Secret` masked.
    """

    sql: str
    args: tuple[object, ...] = ()

    def __str__(self) -> str:
        shown = {**_CONVERSIONS, Secret: lambda *_: f"'{MASK}'"}
        texts = (escape_item(each, "utf8mb4", shown) for each in self.args)
        return self.sql % tuple(texts) if self.args else self.sql


@dataclass(frozen=True, slots=True)
class Server:
    """Facts about a server: ``flavour`` is ``MariaDB`` or ``MySQL``."""

    flavour: str
    version: tuple[int, ...]
    text: str

    @property
    def is_mariadb(self) -> bool:
        return self.flavour == "MariaDB"


class Session:
    """One open connection; every statement is its own transaction."""

    def __init__(
        self,
        connection: pymysql.Connection,
        place: str,
        masker: Masker,
        cancelled: threading.Event | None = None,
    ) -> None:
        self.place = place
        self._cancelled = cancelled
        self._connection = connection
        self._masker = masker
        self._server: Server | None = None

    def rows(self, sql: str, *args: object) -> list[Row]:
        """All rows of one statement.

        ``%s`` in ``sql`` stands for an argument, quoted by its type: a str as a
        string, as does a :class:`.Secret`; :class:`Name` and :class:`GrantName` as
        identifiers.

        :raises DatabaseRefusalError: the server refused the statement.
        :raises DatabaseTroubleError: the statement may work later.
        :raises CancelledError: the session's ``cancelled`` was set.
        """
        attempted = f"run {' '.join(sql.split()[:2])} ..."
        try:
            with translated(attempted, self.place, self._masker):
                cursor = self._connection.cursor()
                cursor.execute(sql, args or None)
                return list(cursor.fetchall())
        except BootstrapError as exc:
            if self._cancelled is not None and self._cancelled.is_set():
                raise CancelledError(
                    attempted, on=self.place, why="asked to stop"
                ) from exc
            raise

    def value(self, sql: str, *args: object) -> Any:
        """The first column of the first row; None without a row."""
        rows = self.rows(sql, *args)
        return rows[0][0] if rows else None

    def done(self, sql: str, *args: object, unless: Collection[int] = ()) -> bool:
        """Run a statement; False if the server answers an error in ``unless``."""
        try:
            self.rows(sql, *args)
        except DatabaseRefusalError as exc:
            if exc.code in unless:
                return False
            raise
        return True

    def run(self, statement: Statement, unless: Collection[int] = ()) -> bool:
        """:meth:`done` with the statement's arguments."""
        return self.done(statement.sql, *statement.args, unless=unless)

    def pause(self, seconds: float) -> None:
        """Wait before a statement is repeated.

        :raises CancelledError: the session's step was cancelled.
        """
        if self._cancelled is None:
            time.sleep(seconds)
        elif self._cancelled.wait(seconds):
            raise CancelledError("wait", on=self.place, why="cancelled")

    def server(self) -> Server:
        """Facts about the server; asked once."""
        if self._server is None:
            version, comment = self.rows("SELECT VERSION(), @@version_comment")[0]
            self._server = parse_server(str(version), str(comment))
        return self._server

    def certificate_warnings(self) -> Iterator[str]:
        """Warnings of the certificate that the server has shown; full sentences."""
        yield from socket_warnings(self._connection._sock, self.place)


@contextlib.contextmanager
def session(
    url: DatabaseUrl,
    password: str | None,
    *,
    masker: Masker = NOTHING_SECRET,
    database: str | None = None,
    cancelled: threading.Event | None = None,
) -> Iterator[Session]:
    """Log in, and log out afterwards: 10 s to connect, 30 s for each statement.

    SQLAlchemy reads TLS, socket and other arguments of the URL, so this session
    connects as Octavia does.

    :param database: the database to use, in place of the URL's.
    :param masker: masks errors; ``password`` is masked too.
    :param cancelled: stops the running statement when set.
    :raises DatabaseRefusalError: access denied, no such database...
    :raises DatabaseTroubleError: the server can't be reached.
    """
    masker = masker.plus([password] if password else [])
    attempted = f"log in to the database server as {url.username or 'nobody'}"

    def connect() -> pymysql.Connection:
        return MySQLConnection(**_options(url, password, database))

    with translated(attempted, url.place, masker):
        connection = connect()
    watch = (
        contextlib.nullcontext()
        if cancelled is None
        else cancellable(connection, connect, cancelled)
    )
    try:
        with watch:
            yield Session(connection, url.place, masker, cancelled)
    finally:
        with contextlib.suppress(pymysql.Error, OSError):
            connection.close()


def _options(
    url: DatabaseUrl, password: str | None, database: str | None
) -> dict[str, Any]:
    location = sqlalchemy.URL.create(
        url.drivername,
        username=url.username,
        host=url.host,
        port=url.port,
        query=url.query,
    )
    options = dict(MySQLDialect_pymysql().create_connect_args(location)[1])
    for replaced in ("passwd", "db"):  # as older SQLAlchemys name them
        options.pop(replaced, None)
    return {
        **options,
        "password": password or "",
        "database": database,
        "autocommit": True,
        "charset": "utf8mb4",
        "connect_timeout": min(options.get("connect_timeout", 99), _CONNECT_SECONDS),
        "read_timeout": _IO_SECONDS,
        "write_timeout": _IO_SECONDS,
        "init_command": _SESSION,
        "conv": _CONVERSIONS,
    }


def _quoted_name(name: Name, _mapping: object) -> str:
    return "`" + name.text.replace("`", "``") + "`"


def _quoted_grant_name(name: GrantName, mapping: object) -> str:
    return _quoted_name(Name(re.sub(r"([\\_%])", r"\\\1", name.text)), mapping)


_CONVERSIONS = {
    **conversions,
    Name: _quoted_name,
    GrantName: _quoted_grant_name,
    Secret: lambda secret, _mapping: escape_str(secret.reveal()),
}


def parse_server(version: str, comment: str) -> Server:
    """Read ``VERSION()`` and ``@@version_comment``."""
    is_mariadb = "mariadb" in (version + comment).lower()
    # Some MariaDBs prefix their version with 5.5.5- for old replicas.
    found = re.match(r"(?:5\.5\.5-)?(\d+(?:\.\d+)*)", version)
    numbers = tuple(int(part) for part in found[1].split(".")) if found else (0,)
    flavour = "MariaDB" if is_mariadb else "MySQL"
    return Server(flavour, numbers, f"{flavour} {'.'.join(map(str, numbers))}")


Connect = Callable[..., contextlib.AbstractContextManager[Session]]
"""The type of :func:`session`; tests pass fakes of it."""
