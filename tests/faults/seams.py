# SPDX-License-Identifier: Apache-2.0
"""Wrappers of the database, the board and the steps, in which faults happen.

The product does not know them. Their places are *boundaries*; a boundary's name has
the thread, the place and a count: ``flow.write.committed#3`` is the third transaction
of the thread that runs the flow.
"""

import contextlib
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pymysql.err import OperationalError

from amphv2_bootstrap.engine.board import Board, Entry, NewEntry
from amphv2_bootstrap.engine.storage.database import Database
from tests.faults import script as scripts

LOST_ANSWER = 2013
READ_ONLY = 1290


class Seams:
    """Counts the boundaries, and causes the script's fault at each."""

    def __init__(
        self, faults: Mapping[str, str] | None = None, trace: str = ""
    ) -> None:
        self._faults = dict(faults or {})
        self._trace = trace
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.renewed = threading.Event()
        self.stop_requested = threading.Event()

    def reach(self, name: str) -> str:
        """Cause the fault of this boundary; return it for the caller to finish."""
        place = f"{_role()}.{name}"
        with self._lock:
            self._counts[place] += 1
            place = f"{place}#{self._counts[place]}"
            if self._trace:
                with Path(self._trace).open("a") as trace:
                    trace.write(place + "\n")
        return self._act(self._faults.get(place, ""))

    def _act(self, fault: str) -> str:
        action, _, argument = fault.partition(" ")
        if action == scripts.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == scripts.STOP:
            _stop_whole_process()
        elif action == scripts.TERM:
            os.kill(os.getpid(), signal.SIGTERM)
            # The handler runs in another thread, at some later time.
            assert self.stop_requested.wait(60)
        elif action == scripts.WAIT:
            _wait_while(Path(argument).exists)
        return fault


def _stop_whole_process() -> None:
    """Stop this process by SIGSTOP; return after SIGCONT.

    The signal may take effect a moment after ``kill`` has returned.
    """
    before = time.monotonic()
    os.kill(os.getpid(), signal.SIGSTOP)
    _wait_while(lambda: time.monotonic() - before < 0.2)


def _wait_while(condition: Callable[[], bool]) -> None:
    while condition():
        time.sleep(0.01)


def _role() -> str:
    name = threading.current_thread().name
    if name.startswith("flow_"):
        return "flow"
    if name.startswith("lease-"):
        return "lease"
    return "loop" if name == "MainThread" else "other"


class FaultyDatabase(Database):
    """The engine's database, with boundaries before, in and after each transaction.

    :param refuse: a file; while it exists, statements fail with the error code in it.
    :param full: a file; while it exists, SQLite's file must not grow.
    """

    def __init__(
        self, url: str, seams: Seams, refuse: str = "", full: str = ""
    ) -> None:
        super().__init__(url)
        self._seams = seams
        self._full = Path(full) if full else None
        self._refuse = Path(refuse) if refuse else None
        self._doing = threading.local()
        dialect: Any = self.engine.dialect
        self._commit = dialect.do_commit
        dialect.do_commit = self._do_commit
        if self._refuse is not None:
            for engine in {self.engine, self._reader}:
                sa.event.listen(engine, "do_execute", self._do_execute)

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        self._seams.reach("write.begin")
        self._doing.writing = True
        try:
            with super().write() as connection:
                self._limit(connection)
                yield connection
                self._doing.fault = self._seams.reach("write.uncommitted")
        finally:
            self._doing.writing = False
            self._doing.fault = ""
        self._seams.reach("write.committed")

    def _limit(self, connection: sa.Connection) -> None:
        if self._full is not None:
            # SQLite raises the limit to the present size, so the file can't grow.
            pages = 1 if self._full.exists() else 2**30
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def _do_commit(self, connection: Any) -> None:
        fault = getattr(self._doing, "fault", "")
        if fault.startswith(scripts.REFUSE):
            raise self._error(int(fault.split()[1]))
        self._commit(connection)
        if fault == scripts.LOSE:
            raise self._error(LOST_ANSWER)

    def _do_execute(self, *_: object) -> None:
        assert self._refuse is not None
        with contextlib.suppress(FileNotFoundError, ValueError):
            code = int(self._refuse.read_text())
            if code != READ_ONLY or getattr(self._doing, "writing", False):
                raise self._error(code)

    def _error(self, code: int) -> Exception:
        if self.is_sqlite:
            return sqlite3.OperationalError(f"as if MySQL had said {code}")
        return OperationalError(code, f"error {code} of a test")


class FaultyBoard:
    """A board with boundaries before and after each call that changes it.

    :param hold: while this file exists, every entry looks claimed.
    """

    def __init__(self, board: Board, seams: Seams, hold: str = "") -> None:
        self._board = board
        self._seams = seams
        self._hold = Path(hold) if hold else None

    def connect(self) -> None:
        self._board.connect()

    def close(self) -> None:
        self._board.close()

    def post_entry(self, new_entry: NewEntry) -> None:
        with self._around("post_entry"):
            self._board.post_entry(new_entry)

    def entries(self) -> Sequence[Entry]:
        found = self._board.entries()
        if self._hold is None or not self._hold.exists():
            return found
        return [
            Entry(entry.uuid, entry.name, entry.details, True, entry.handle)
            for entry in found
        ]

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        with self._around("claim"):
            self._board.claim_entry(entry, owner, expiry)

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        with self._around("renew"):
            renewed = self._board.renew(entry, owner, expiry)
        if renewed:
            self._seams.renewed.set()
        return renewed

    def release(self, entry: Entry, owner: str) -> bool:
        with self._around("release"):
            return self._board.release(entry, owner)

    def remove(self, entry: Entry, owner: str) -> bool:
        with self._around("remove"):
            return self._board.remove(entry, owner)

    def wait_for_change(self, timeout: float) -> None:
        self._board.wait_for_change(timeout)

    def interrupt(self) -> None:
        self._board.interrupt()

    @contextlib.contextmanager
    def _around(self, call: str) -> Iterator[None]:
        self._seams.reach(f"{call}.before")
        yield
        self._seams.reach(f"{call}.after")
