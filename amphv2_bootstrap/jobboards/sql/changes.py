# SPDX-License-Identifier: Apache-2.0
"""How a waiting conductor notices that a board in a SQL database has changed.

SQLite itself says whether anything was committed. On MariaDB and MySQL the conductor
polls: one short query four times a second, without a transaction or a lock. It sees
what was committed through any node of a Galera cluster and behind any proxy.
"""

import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.jobboards.sql.table import EntryTable

_LOOK_SECONDS = 0.03
_POLL_SECONDS = 0.25
_STAMP = (
    "SELECT COUNT(*), COALESCE(MAX(modified_at), 0) FROM board_entries WHERE board = ?"
)


class ChangeWatch(Protocol):
    """Waits for changes of one board."""

    def mark(self) -> object:
        """What :meth:`listen` needs; call it before reading the board."""

    def listen(self, mark: object, rows: Sequence[Any]) -> None:
        """Have :meth:`wait` return at once if the board changed after ``mark``."""

    def wait(self, timeout: float) -> None:
        """Return when the board may have changed, or after ``timeout`` seconds."""

    def wake(self) -> None:
        """End the wait on this object, or the next one."""

    def close(self) -> None:
        """Release all resources; the object may be used again."""


def open_watch(database: Database, table: EntryTable, board: str) -> ChangeWatch:
    """The watch for the database's kind."""
    if database.is_sqlite:
        return CommitWatch(database, board)
    return StampWatch(table)


class CommitWatch:
    """Asks SQLite whether there was a commit, which costs some microseconds.

    Watching its files would be too early: they change before a commit is visible.
    """

    def __init__(self, database: Database, board: str) -> None:
        path = Path(str(database.engine.url.database)).absolute()
        self._file = f"{path.as_uri()}?mode=rw"
        self._board = board
        self._connection: sqlite3.Connection | None = None
        self._seen: object = None
        self._stamp: object = None
        self._woken = threading.Event()

    def mark(self) -> object:
        return self._version()

    def listen(self, mark: object, rows: Sequence[Any]) -> None:
        self._seen, self._stamp = mark, _stamp(rows)

    def wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and not self._has_changed():
            if self._woken.wait(_LOOK_SECONDS):
                break
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _has_changed(self) -> bool:
        version = self._version()
        if version == self._seen:
            return False
        self._seen = version  # most commits are of steps, not of the board
        return self._ask(_STAMP, self._board) != self._stamp

    def _version(self) -> object:
        """A different one after every commit; None while SQLite fails."""
        return self._ask("PRAGMA data_version")

    def _ask(self, query: str, *values: str) -> object:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._file, uri=True, isolation_level=None, check_same_thread=False
                )
            found: object = self._connection.execute(query, values).fetchone()
        except sqlite3.Error:
            # The next read of the board reports the error.
            self.close()
            return None
        return found


class StampWatch:
    """Polls the stamp of a board on a server, at most four times a second.

    While the server is away, :meth:`mark` and :meth:`wait` raise
    :class:`BoardUnavailableError`.
    """

    def __init__(self, table: EntryTable) -> None:
        self._table = table
        self._seen: object = None
        self._woken = threading.Event()

    def mark(self) -> object:
        return self._table.stamp()

    def listen(self, mark: object, rows: Sequence[Any]) -> None:
        self._seen = mark

    def wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        try:
            while not self._woken.wait(_pause_until(deadline)):
                # After the timeout the caller reads the board anyway.
                if time.monotonic() >= deadline or self._table.stamp() != self._seen:
                    break
        finally:
            self._woken.clear()

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        """Its connections are the table's."""


def _pause_until(deadline: float) -> float:
    return max(0.0, min(_POLL_SECONDS, deadline - time.monotonic()))


def _stamp(rows: Sequence[Any]) -> tuple[int, float]:
    """A value that differs after every change of the board."""
    return len(rows), max((row.modified_at for row in rows), default=0.0)
