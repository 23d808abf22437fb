# SPDX-License-Identifier: Apache-2.0
"""Drained hosts: their conductors end what they hold, and claim nothing new."""

from collections.abc import Mapping

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import schema, stages
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store


def drain(journal: Journal, host: str, who: str) -> bool:
    """Drain the host; False where it was drained already.

    From the commit on no conductor of this host takes a flow. The turn of a flow that
    it has not begun goes to others. Raises what :class:`Journal` does.
    """
    values = {"drained_at": journal.database.now, "drained_by": who}
    return _set(journal, host, schema.hosts.c.drained_at.is_(None), values, who)


def undrain(journal: Journal, host: str, who: str) -> bool:
    """Let the host's conductors claim again; False where it isn't drained.

    Raises what :class:`Journal` does.
    """
    values = {"drained_at": None, "drained_by": None}
    return _set(journal, host, schema.hosts.c.drained_at.is_not(None), values, who)


def _set(
    journal: Journal,
    host: str,
    former: sa.ColumnElement[bool],
    values: Mapping[str, object],
    who: str,
) -> bool:
    table = schema.hosts
    job_uuid = Store(journal.database).unfinished()
    with journal.database.write() as connection:
        # The job first, as everywhere.
        is_open = job_uuid is not None and stages.lock_job(connection, job_uuid)
        stages.make_host(connection, host)
        mine = sa.and_(table.c.host == host, former)
        change = table.update().where(mine).values(**values, writes=table.c.writes + 1)
        if not connection.execute(change).rowcount:
            return False
        if is_open and job_uuid is not None:
            kind = "drained" if values["drained_by"] else "undrained"
            journal.record(connection, job_uuid, kind, message=f"{host}, by {who}")
            journal.advance(connection, job_uuid)
        return True
