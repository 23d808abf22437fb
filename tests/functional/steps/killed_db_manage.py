# SPDX-License-Identifier: Apache-2.0
"""octavia-db-manage that kills itself by SIGKILL at a given moment.

Octavia's own Python runs it: ``killed_db_manage.py MOMENT MARK ...``. It makes the file
MARK first; a second run with the same MARK isn't killed.

Writing statements and commits are counted together. The moment ``7`` is after the
seventh of them (of a commit: just before it is sent); ``7+250`` is 250 microseconds
after the seventh began. At ``7!`` the process stops (SIGSTOP) and keeps its locks.
"""

import os
import signal
import sys
import time
from pathlib import Path

import sqlalchemy
from octavia.db.migration.cli import main

_WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "RENAME")


class Death:
    """Counts the statements, and sends the signal at the moment."""

    def __init__(self, moment: str) -> None:
        self._signal = signal.SIGSTOP if moment.endswith("!") else signal.SIGKILL
        number, _, delay = moment.rstrip("!").partition("+")
        self._fatal = int(number)
        self._delay = int(delay) / 1e6 if delay else None
        self._done = 0

    def arm(self) -> None:
        listen = sqlalchemy.event.listen
        listen(sqlalchemy.Engine, "before_cursor_execute", self._before)
        listen(sqlalchemy.Engine, "after_cursor_execute", self._after)
        listen(sqlalchemy.Engine, "commit", self._commit)

    def _before(self, _conn, _cursor, statement, *_args):  # type: ignore[no-untyped-def]
        if _writes(statement):
            self._count()

    def _after(self, _conn, _cursor, statement, *_args):  # type: ignore[no-untyped-def]
        if _writes(statement):
            self._die_if_over()

    def _commit(self, _conn):  # type: ignore[no-untyped-def]
        self._count()
        self._die_if_over()

    def _count(self) -> None:
        self._done += 1
        if self._done == self._fatal and self._delay is not None:
            _die_after(self._delay)

    def _die_if_over(self) -> None:
        if self._done == self._fatal and self._delay is None:
            os.kill(os.getpid(), self._signal)


def _writes(statement: str) -> bool:
    return statement.lstrip().upper().startswith(_WRITES)


def _die_after(seconds: float) -> None:
    # Octavia's threads are green: none would run while the statement runs.
    parent = os.getpid()
    if os.fork() == 0:
        time.sleep(seconds)
        os.kill(parent, signal.SIGKILL)
        os._exit(0)


if __name__ == "__main__":
    mark = Path(sys.argv[2])
    if not mark.exists():
        mark.touch()
        Death(sys.argv[1]).arm()
    del sys.argv[1:3]
    sys.exit(main())
