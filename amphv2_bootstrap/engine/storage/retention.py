# SPDX-License-Identifier: Apache-2.0
"""Deletes what ended long ago."""

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database

DAY = 86400.0


def prune(database: Database, older_than: float) -> int:
    """Delete jobs that ended more than ``older_than`` seconds ago.

    Their flows, logbooks and events are deleted too. An unfinished or parked job is
    never touched. Safe to run from several hosts at once.

    :returns: how many jobs were deleted.
    """
    jobs, flow_runs = schema.jobs, schema.flow_runs
    with database.write() as connection:
        old = connection.execute(
            sa.select(jobs.c.uuid).where(
                jobs.c.active.is_(None), jobs.c.finished_at < database.now - older_than
            )
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
