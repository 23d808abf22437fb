# SPDX-License-Identifier: Apache-2.0
"""octavia-db-manage that dies by SIGKILL after its Nth statement that writes.

Run by Octavia's own Python: ``killed_db_manage.py N MARK ...``, where the file
MARK is made first, so that a second run with the same MARK isn't killed.
"""

import os
import signal
import sys
from pathlib import Path

import sqlalchemy
from octavia.db.migration.cli import main

_WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "RENAME")


def arm(fatal: int) -> None:
    """Die after the statement with that number."""
    done = 0

    def count(_conn, _cursor, statement, *_args):  # type: ignore[no-untyped-def]
        nonlocal done
        done += statement.lstrip().upper().startswith(_WRITES)
        if done == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    sqlalchemy.event.listen(sqlalchemy.Engine, "after_cursor_execute", count)


if __name__ == "__main__":
    mark = Path(sys.argv[2])
    if not mark.exists():
        mark.touch()
        arm(int(sys.argv[1]))
    del sys.argv[1:3]
    sys.exit(main())
