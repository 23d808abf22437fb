# SPDX-License-Identifier: Apache-2.0
"""The list of conductors, with their last signs of life."""

from collections.abc import Iterable

import sqlalchemy as sa

from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database

_FORGOTTEN_SECONDS = 7 * 86400.0


class Heartbeats:
    """One conductor's row; raises what :class:`Journal` does.

    :param interval: seconds between two heartbeats.
    """

    def __init__(self, database: Database, owner: str, interval: float) -> None:
        self._database = database
        self._owner = owner
        self._interval = interval

    def heartbeat(
        self, host: str, pid: int, version: str, board_error: str | None = None
    ) -> None:
        """Say that this conductor is alive, and why it can't reach the jobboard."""
        table = schema.conductors
        with self._database.write() as connection:
            seen = connection.execute(
                table.update()
                .where(table.c.owner == self._owner)
                .values(seen_at=self._database.now, board_error=board_error)
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
                        heartbeat_seconds=self._interval,
                        board_error=board_error,
                    )
                )

    def dead(self) -> list[str]:
        """The conductors on the list that, as this machine sees, have ended."""
        query = sa.select(schema.conductors.c.owner)
        with self._database.read() as connection:
            owners = connection.execute(query).scalars().all()
        return _dead(owners)

    def forget(self, host: str) -> None:
        """Delete conductors that died on this host, or were last seen long ago."""
        table = schema.conductors
        query = sa.select(table.c.owner).where(table.c.host == host)
        long_ago = self._database.now - table.c.seen_at > _FORGOTTEN_SECONDS
        with self._database.write() as connection:
            dead = _dead(connection.execute(query).scalars().all())
            connection.execute(
                table.delete().where(sa.or_(table.c.owner.in_(dead), long_ago))
            )

    def sign_off(self) -> None:
        """Take this conductor, which ends as it should, off the list."""
        table = schema.conductors
        with self._database.write() as connection:
            connection.execute(table.delete().where(table.c.owner == self._owner))


def _dead(owners: Iterable[str]) -> list[str]:
    parsed = [ProcessIdentity.parse(owner) for owner in owners]
    return [str(owner) for owner in parsed if owner and owner.is_surely_dead]
