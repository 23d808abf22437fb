# SPDX-License-Identifier: Apache-2.0
"""Deletes what ended long ago."""

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database

DAY = 86400.0
READ_ONLY_SECONDS = 3600.0
"""So long a read-only job is kept, for who wants to know what became of it."""


def prune(database: Database, older_than: float, *, read_only: bool = False) -> int:
    """Delete jobs that ended more than ``older_than`` seconds ago.

    Their flows, logbooks and events are deleted too. An unfinished or parked job is
    never touched. Safe to run from several hosts at once.

    :param read_only: only the read-only jobs, and otherwise only the others.
    :returns: how many jobs were deleted.
    """
    jobs, flow_runs = schema.jobs, schema.flow_runs
    is_old = jobs.c.finished_at < database.now - older_than
    is_kind = jobs.c.kind.is_not(None) if read_only else jobs.c.kind.is_(None)
    with database.write() as connection:
        old = connection.execute(
            sa.select(jobs.c.uuid).where(jobs.c.active.is_(None), is_old, is_kind)
        )
        uuids = list(old.scalars())
        books = connection.execute(
            sa.select(flow_runs.c.book_uuid).where(flow_runs.c.job_uuid.in_(uuids))
        )
        for table, column, values in (
            (schema.logbooks, schema.logbooks.c.uuid, list(books.scalars())),
            (schema.events, schema.events.c.job_uuid, uuids),
            (jobs, jobs.c.uuid, uuids),
        ):
            connection.execute(table.delete().where(column.in_(values)))
    return len(uuids)
