# SPDX-License-Identifier: Apache-2.0
"""The list of conductors: who is there, and since when."""

from amphv2_bootstrap.engine import schema
from amphv2_bootstrap.engine.database import Database


class Presence:
    """One conductor's row; raises what :class:`Journal` does."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner

    def heartbeat(self, host: str, pid: int, version: str) -> None:
        """Say that this conductor is alive."""
        table = schema.conductors
        with self._database.write() as connection:
            seen = connection.execute(
                table.update()
                .where(table.c.owner == self._owner)
                .values(seen_at=self._database.now)
            )
            if not seen.rowcount:
                connection.execute(
                    table.insert().values(
                        owner=self._owner,
                        host=host,
                        pid=pid,
                        version=version,
                        started_at=self._database.now,
                        seen_at=self._database.now,
                    )
                )

    def sign_off(self) -> None:
        """Take this conductor off the list; it ended in good order."""
        table = schema.conductors
        with self._database.write() as connection:
            connection.execute(table.delete().where(table.c.owner == self._owner))
