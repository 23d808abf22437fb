# SPDX-License-Identifier: Apache-2.0
"""How a SQL database calls the conductors: without polling it.

SQLite says itself whether anybody has committed. On MariaDB and MySQL each
waiting conductor has a ``SELECT SLEEP`` under way, and who changes the board
interrupts it by ``KILL QUERY``, which every account may do to its own statements.
Where the call doesn't get through (another node of a Galera cluster, a proxy), the
sleep just ends.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseError, DatabaseUnavailableError
from amphv2_bootstrap.engine.storage.database import PATIENCE_SECONDS, Database
from amphv2_bootstrap.jobboards.sql.table import translated

_LOOK_SECONDS = 0.03
# The database's connections take a longer silence for the server's death.
_LONGEST_SLEEP = PATIENCE_SECONDS / 2
_NUDGE_SECONDS, _NUDGES = 0.05, 10
_SLEEP = (
    "SELECT SLEEP(IF((SELECT COUNT(*) = :count AND COALESCE(MAX(modified_at), 0)"
    " = :newest FROM board_entries WHERE board = :board), :seconds, 0))"
)
_STAMP = (
    "SELECT COUNT(*), COALESCE(MAX(modified_at), 0) FROM board_entries WHERE board = ?"
)
_INTERRUPTED = 1317  # ER_QUERY_INTERRUPTED


class ChangeNotifier(Protocol):
    """What wakes the conductors of one board."""

    def mark(self) -> object:
        """To be taken before the board is looked at, for :meth:`listen`."""

    def listen(self, mark: object, rows: Sequence[Any]) -> None:
        """Have :meth:`wait` return at once if the board isn't as seen any more."""

    def wait(self, timeout: float) -> None:
        """Return when the board may have changed, or after ``timeout`` seconds."""

    def ring(self) -> None:
        """Wake every conductor, after a change."""

    def wake(self) -> None:
        """Wake the one that waits on this very object."""

    def close(self) -> None:
        """Let go of what it holds; it may be used again."""


def open_bell(database: Database, board: str) -> ChangeNotifier:
    """The bell for the database's kind."""
    kind = CommitBell if database.is_sqlite else SleepBell
    return kind(database, board)


class CommitBell:
    """Asks SQLite whether anybody has committed, which costs some microseconds.

    Its files would tell too early: they change before the commit can be seen.
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

    def ring(self) -> None:
        """The commit has done it for the others already."""
        self._woken.set()

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
        """Another one after every commit; the same without end if SQLite fails."""
        return self._ask("PRAGMA data_version")

    def _ask(self, query: str, *values: str) -> object:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._file, uri=True, isolation_level=None, check_same_thread=False
                )
            found: object = self._connection.execute(query, values).fetchone()
        except sqlite3.Error:
            # The next look at the board says what it is.
            self.close()
            return None
        return found


class SleepBell:
    """Sleeps in the server, where the others can be woken from."""

    def __init__(self, database: Database, board: str) -> None:
        self._database = database
        self._board = board
        self._seen = (-1, 0.0)
        # Lets the sleepers of this board be told from others in the process list.
        self._tag = f"amphv2-board {board.encode().hex()}"
        self._woken = threading.Event()
        self._asleep = threading.Event()

    def mark(self) -> object:
        return None

    def listen(self, mark: object, rows: Sequence[Any]) -> None:
        self._seen = _stamp(rows)

    def wait(self, timeout: float) -> None:
        self._asleep.set()
        try:
            if not self._woken.is_set():
                self._sleep_for(min(timeout, _LONGEST_SLEEP))
        finally:
            self._asleep.clear()
            self._woken.clear()

    def _sleep_for(self, seconds: float) -> None:
        count, newest = self._seen
        # A change that came before the sleep is seen by its own condition, a
        # later one finds the sleep in the process list.
        statement = sa.text(f"{_SLEEP} /* {self._tag} */").bindparams(
            count=count, newest=newest, board=self._board, seconds=seconds
        )
        with translated():
            self._sleep(statement)

    def _sleep(self, statement: sa.TextClause) -> None:
        try:
            with self._database.read() as connection:
                connection.execute(statement)
        except (DatabaseUnavailableError, DatabaseError) as exc:
            if not _is_interruption(exc):
                raise

    def ring(self) -> None:
        # The change is committed; who misses the call sees it after his sleep.
        with contextlib.suppress(DatabaseUnavailableError, DatabaseError):
            self._kill_sleeps()

    def wake(self) -> None:
        self._woken.set()
        self.ring()
        # The sleep may have been about to begin.
        for _ in range(_NUDGES):
            if not self._asleep.is_set() or not self._woken.is_set():
                break
            time.sleep(_NUDGE_SECONDS)
            self.ring()

    def close(self) -> None:
        """Its connections are the database's."""

    def _kill_sleeps(self) -> None:
        with self._database.read() as connection:
            for number in connection.execute(self._sleepers()).scalars():
                with contextlib.suppress(sa.exc.OperationalError):
                    connection.exec_driver_sql(f"KILL QUERY {int(number)}")

    def _sleepers(self) -> Any:
        query = sa.text(
            "SELECT id FROM information_schema.processlist"
            " WHERE info LIKE :tag AND id != CONNECTION_ID()"
        )
        return query.bindparams(tag=f"SELECT SLEEP(%/* {self._tag} */")


def _stamp(rows: Sequence[Any]) -> tuple[int, float]:
    """What differs after every change of the board."""
    return len(rows), max((row.modified_at for row in rows), default=0.0)


def _is_interruption(exc: BaseException) -> bool:
    original = getattr(exc.__cause__, "orig", None)
    return bool(original is not None and original.args[:1] == (_INTERRUPTED,))
