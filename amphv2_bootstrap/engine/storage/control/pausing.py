# SPDX-License-Identifier: Apache-2.0
"""The pause of a job: what runs goes on to its end, and nothing further begins."""

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import schema, stages
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.errors import ConflictError


def pause(journal: Journal, job_uuid: str, who: str) -> bool:
    """Pause the job; False where it was paused already.

    A flow that is ready, but not claimed, waits again. Raises what :class:`Journal`
    does.

    :raises ConflictError: the job has ended.
    """
    with journal.database.write() as connection:
        if not stages.lock_job(connection, job_uuid):
            raise ConflictError(
                "pause the job",
                on=job_uuid,
                why="it has ended",
                todo="Nothing: no step of it begins any more.",
            )
        return _set(journal, connection, job_uuid, who)


def unpause(journal: Journal, job_uuid: str, who: str) -> bool:
    """Let the job go on; False where it isn't paused.

    Raises what :class:`Journal` does.
    """
    jobs = schema.jobs
    with journal.database.write() as connection:
        if not stages.lock_job(connection, job_uuid):
            return False
        paused = sa.and_(jobs.c.uuid == job_uuid, jobs.c.paused_at.is_not(None))
        change = jobs.update().where(paused).values(paused_at=None, paused_by=None)
        if not connection.execute(change).rowcount:
            return False
        journal.record(connection, job_uuid, "unpaused", message=who)
        journal.advance(connection, job_uuid)
        return True


def _set(journal: Journal, connection: sa.Connection, job_uuid: str, who: str) -> bool:
    jobs = schema.jobs
    going_on = sa.and_(jobs.c.uuid == job_uuid, jobs.c.paused_at.is_(None))
    change = jobs.update().where(going_on)
    now = journal.database.now
    if not connection.execute(change.values(paused_at=now, paused_by=who)).rowcount:
        return False
    journal.record(connection, job_uuid, "paused", message=who)
    journal.advance(connection, job_uuid)
    return True
