# SPDX-License-Identifier: Apache-2.0
"""Upgrades the engine's tables and kills itself: ``URL [STATEMENTS]``.

After that many statements that change the schema the process ends by SIGKILL;
without the number it goes to the end.
"""

import os
import signal
import sys

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database

_WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE")


def main(url: str, limit: str = "999999") -> None:
    """Run the upgrade."""
    database = Database(url)
    seen = 0

    @sa.event.listens_for(database.engine, "after_cursor_execute")
    def _count(
        _connection: object, _cursor: object, statement: str, *_: object
    ) -> None:
        nonlocal seen
        seen += statement.lstrip().upper().startswith(_WRITES)
        if seen == int(limit):
            os.kill(os.getpid(), signal.SIGKILL)

    print(migrate.upgrade(database))


if __name__ == "__main__":
    main(*sys.argv[1:])
