# SPDX-License-Identifier: Apache-2.0
"""The engine's database: connections, transactions, and its errors as ours."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pymysql
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from amphv2_bootstrap.engine.errors import (
    AccessDeniedError,
    DatabaseError,
    DatabaseUnavailableError,
    MissingDatabaseError,
    SchemaError,
)
from amphv2_bootstrap.engine.measures import MEASURES, Event
from amphv2_bootstrap.engine.storage.pools import Pools
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.masking import Masker, passwords_in
from amphv2_bootstrap.spec.mysql_connection import (
    AUTHENTICATION_REFUSED,
    MySQLConnection,
)
from amphv2_bootstrap.spec.server_errors import mysql as server_errors
from amphv2_bootstrap.spec.server_errors.mysql import (
    ACCESS_DENIED,
    DATABASE_DENIED,
    UNKNOWN_DATABASE,
    UNKNOWN_VARIABLE,
)

_SQLITE_BUSY_SECONDS = 15
_CONNECT_SECONDS = 10.0
_PATIENCE_SECONDS = 20.0
# UTC: the claims' times must not jump when summer time ends. A writer that vanishes
# keeps its rows locked until idle_transaction_timeout; our transactions take
# milliseconds. MySQL, which skips the comment, has no such option: there a transaction
# ends with its connection, which may be idle for _WAIT_SECONDS.
_SESSION = (
    "SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 10"
    " /*M!100300 , idle_transaction_timeout = 5 */"
)
_WAIT_SECONDS = 20
# Longer than a heartbeat's interval, so that a conductor keeps its connection.
_LONGEST_IDLE_SECONDS = 15
_READ_ONLY = "amphv2_read_only"
# No such table; no such column: only an upgrade helps.
_SCHEMA_CODES = (1146, 1054)
_UNKNOWN = 2000  # an error of the client
# 1044: no access to the database. 1045: login refused. Both also come when the
# account or the database does not exist.
_ACCESS_DENIED = (DATABASE_DENIED, ACCESS_DENIED)
# The server refuses for good until an administrator acts: a privilege on a table, on a
# column or of the account; the packet's length; a variable or a storage engine that it
# doesn't know; a binary log by statements, which READ COMMITTED can't write.
_FOR_GOOD = (
    *(1142, 1143, 1153, 1227, 1286, 1665),
    UNKNOWN_VARIABLE,
    AUTHENTICATION_REFUSED,
)


_CHECK = "Check [task_flow] persistence_connection and the server."
_TROUBLE = (
    sa_exc.OperationalError,
    sa_exc.InterfaceError,
    sa_exc.InternalError,
    sa_exc.TimeoutError,
    sa_exc.DisconnectionError,
    sa_exc.ResourceClosedError,
)


class Database:
    """One engine's database, opened lazily; safe to share between threads.

    :param url: SQLAlchemy's URL; ``sqlite:///FILE`` or ``mysql+pymysql://...``.
        A SQLite file is created with mode 0600.
    :param patience: seconds that a server may take to answer.
    :param pools: those of another object for the same server; see :class:`Pools`.
    """

    def __init__(
        self,
        url: str | sa.URL,
        patience: float = _PATIENCE_SECONDS,
        pools: Pools | None = None,
    ) -> None:
        parsed = sa.make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.place = _place(parsed)
        self._masker = Masker(passwords_in(parsed.render_as_string(False)))
        self._creation = "" if self.is_sqlite else _creation(parsed)
        self.engine = _sqlite(parsed) if self.is_sqlite else _writer(parsed, patience)
        # On a server a single statement needs no transaction around it.
        self._reader = (
            self.engine
            if self.is_sqlite
            else _network(parsed, patience, isolation_level="AUTOCOMMIT")
        )
        self.pools = Pools() if pools is None else pools
        if not self.is_sqlite:
            self.pools.add(self.engine)
            self.pools.add(self._reader)
        self.now: sa.ColumnElement[float] = sa.literal_column(
            "(julianday('now') - 2440587.5) * 86400.0"
            if self.is_sqlite
            else "UNIX_TIMESTAMP(NOW(6)) + 0.0",
            sa.Double(),
        )
        """The database's own clock, in seconds since the epoch."""

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction that is committed at the end, or not at all.

        :raises DatabaseUnavailableError: try again later.
        :raises DatabaseError: trying again won't help.
        """
        with self._translated("write"), self.engine.connect() as connection:
            try:
                with connection.begin():
                    yield connection
            except sa_exc.SQLAlchemyError:
                # After a refused COMMIT the transaction may be open, and SQLAlchemy
                # does not roll it back: the connection's next user would commit it.
                connection.invalidate()
                raise

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection for queries; same errors as :meth:`write`.

        On a server every statement is a transaction of its own.
        """
        with self._translated("read"), self._reader.connect() as connection:
            if self.is_sqlite:
                connection = connection.execution_options(**{_READ_ONLY: True})
            yield connection

    def close(self) -> None:
        self.engine.dispose()
        self._reader.dispose()

    @contextlib.contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sa_exc.SQLAlchemyError as exc:
            error = self._translate(verb, exc)
            if not isinstance(exc, sa_exc.IntegrityError):  # a duplicate is an answer
                MEASURES.count(Event.DATABASE_FAILED, type(error).__name__)
            raise error from exc

    def _translate(self, verb: str, exc: sa_exc.SQLAlchemyError) -> Exception:
        attempted = f"{verb} the engine's database"
        original = getattr(exc, "orig", None) or exc
        why = self._masker.text(str(original))
        code = original.args[0] if original.args else None
        if code == UNKNOWN_DATABASE:
            return MissingDatabaseError(
                attempted, on=self.place, why=why, todo=self._creation
            )
        if _is_schema_error(original):
            todo = "Run 'amphv2-bootstrap db upgrade'."
            return SchemaError(attempted, on=self.place, why=why, todo=todo)
        advice = server_errors.advice(code, why) if isinstance(code, int) else ""
        if code in _FOR_GOOD:
            todo = advice or _CHECK
            return DatabaseError(attempted, on=self.place, why=why, todo=todo)
        if isinstance(exc, _TROUBLE):
            # Not permanent: another server of the cluster may have a right certificate.
            todo = tls.database_refusal(original) or " ".join(
                filter(None, (advice, _CHECK))
            )
            if code in _ACCESS_DENIED:
                todo += f" {self._creation}"
                return AccessDeniedError(attempted, on=self.place, why=why, todo=todo)
            return DatabaseUnavailableError(
                attempted, on=self.place, why=why, todo=todo
            )
        name = type(exc).__name__  # the text of SQLAlchemy may quote a secret
        why = name if original is exc else f"{name}: {why}"
        return DatabaseError(attempted, on=self.place, why=why, todo=_CHECK)


def is_duplicate(exc: BaseException) -> bool:
    """Whether the error says that there is a row with this key already."""
    return isinstance(exc.__cause__, sa_exc.IntegrityError)


def to_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _is_schema_error(original: BaseException) -> bool:
    if isinstance(original, sqlite3.OperationalError):
        return "no such table" in str(original) or "no such column" in str(original)
    return bool(original.args) and original.args[0] in _SCHEMA_CODES


def _place(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.database} on {url.host or 'localhost'}:{url.port or 3306}"


def _creation(url: sa.URL) -> str:
    """How to create the database and the account of the URL."""
    account = f"'{url.username}'@'%'"
    return (
        "Run on the server, as its administrator, what is missing of: CREATE DATABASE"
        f" `{url.database}` CHARACTER SET utf8mb4; CREATE USER {account} IDENTIFIED BY"
        f" 'PASSWORD'; GRANT ALL PRIVILEGES ON `{url.database}`.* TO {account}; Then"
        " run 'amphv2-bootstrap db upgrade'. See the page 'Install'. If the account"
        f" demands TLS, the URL needs {tls.DEMANDS}."
    )


def _writer(url: sa.URL, patience: float) -> sa.Engine:
    session = f"{_SESSION}, wait_timeout = {_WAIT_SECONDS}"
    engine = _network(url, patience, session, isolation_level="READ COMMITTED")

    @sa.event.listens_for(engine, "checkin")
    def _note(_connection: object, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _replace(_connection: object, record: Any, _proxy: object) -> None:
        now = time.monotonic()
        if now - record.info.get("idle_since", now) > _LONGEST_IDLE_SECONDS:
            # Before the server ends it. The pool connects anew.
            raise sa_exc.DisconnectionError

    return engine


def _network(
    url: sa.URL, patience: float, session: str = _SESSION, *, isolation_level: str
) -> sa.Engine:
    engine = sa.create_engine(
        url,
        isolation_level=isolation_level,
        # Every transaction ends within its own context: nothing is left to reset.
        pool_reset_on_return=None,
        pool_recycle=1800,
        pool_size=8,
        max_overflow=16,
        pool_timeout=_CONNECT_SECONDS,
        hide_parameters=True,
        connect_args={
            "init_command": session,
            "connect_timeout": min(patience, _CONNECT_SECONDS),
            "read_timeout": patience,
            "write_timeout": patience,
        },
    )

    sa.event.listen(engine, "connect", _see_all_nodes)
    # Under AUTOCOMMIT a rollback does nothing, and costs a round trip after every
    # query. SQLAlchemy before 2.0.43 ignores this.
    engine.dialect.skip_autocommit_rollback = True

    @sa.event.listens_for(engine, "do_connect")
    def _connect(dialect: sa.Dialect, _: object, _args: object, options: Any) -> Any:
        try:
            return MySQLConnection(**options)
        except OSError as exc:
            # PyMySQL reads the certificates for each connection, and leaves errors of
            # the files as they are. They may be replaced just now.
            error = dialect.loaded_dbapi.OperationalError
            raise error(_UNKNOWN, f"{exc}. {tls.FILES}") from exc

    return engine


def _see_all_nodes(connection: Any, _record: object) -> None:
    """Have a read on Galera wait for what other nodes have committed before it."""
    try:
        connection.query("SET SESSION wsrep_sync_wait = 1")
    except pymysql.err.OperationalError as exc:
        if exc.args[0] != UNKNOWN_VARIABLE:
            raise


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database:
        _create_private(Path(url.database))
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": _SQLITE_BUSY_SECONDS, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own implicit BEGIN comes too late for a write lock.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE: two writers queue up instead of failing half-way.
        options: Mapping[str, Any] = connection.get_execution_options()
        reading = options.get(_READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _create_private(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as exc:
        raise DatabaseError(
            "open the engine's database",
            on=str(path),
            why=exc.strerror or str(exc),
            todo="Check state_path and its permissions, or run as root.",
        ) from exc
