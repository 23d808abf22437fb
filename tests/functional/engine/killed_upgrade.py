# SPDX-License-Identifier: Apache-2.0
"""Upgrades the engine's tables in a process that kills itself before the end."""

import os
import signal

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database

_WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE")


def main(url: str, limit: int) -> None:
    """Run the upgrade; SIGKILL after so many statements that change anything."""
    database = Database(url)
    seen = 0

    @sa.event.listens_for(database.engine, "after_cursor_execute")
    def _count(
        _connection: object, _cursor: object, statement: str, *_: object
    ) -> None:
        nonlocal seen
        seen += statement.lstrip().upper().startswith(_WRITES)
        if seen == limit:
            os.kill(os.getpid(), signal.SIGKILL)

    migrate.upgrade(database)
