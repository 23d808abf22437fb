# SPDX-License-Identifier: Apache-2.0
"""Which jobs of a bootstrap may begin, and when the whole is over.

Each function is a part of the caller's transaction, whose first lock is that of
:func:`lock_bootstrap`.
"""

import sqlalchemy as sa

from amphv2_bootstrap.engine.records import TERMINAL, JobState
from amphv2_bootstrap.engine.storage import schema

_JOBS = schema.jobs


def lock_bootstrap(connection: sa.Connection, uuid: str) -> None:
    """Always the first lock of a transaction that looks at several jobs."""
    table = schema.bootstraps
    connection.execute(
        sa.select(table.c.uuid).where(table.c.uuid == uuid).with_for_update()
    )


def release_next(connection: sa.Connection, bootstrap_uuid: str) -> int:
    """Make the first stage ready that waits for nothing any more; of how many jobs."""
    of_it = _JOBS.c.bootstrap_uuid == bootstrap_uuid
    stage = connection.execute(
        sa.select(sa.func.min(_JOBS.c.stage)).where(
            of_it, _JOBS.c.state != JobState.DONE.value
        )
    ).scalar()
    if stage is None:
        return 0
    return release(connection, sa.and_(of_it, _JOBS.c.stage == stage))


def release(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    """Make the waiting jobs among these ready; how many they were."""
    released = connection.execute(
        _JOBS.update()
        .where(condition, _JOBS.c.state == JobState.WAITING.value)
        .values(state=JobState.READY.value)
    )
    return int(released.rowcount)


def cancel_waiting(
    connection: sa.Connection, bootstrap_uuid: str, now: sa.ColumnElement[float]
) -> None:
    """End the jobs that can't begin any more."""
    connection.execute(
        _JOBS.update()
        .where(
            _JOBS.c.bootstrap_uuid == bootstrap_uuid,
            _JOBS.c.state == JobState.WAITING.value,
        )
        .values(state=JobState.CANCELLED.value, finished_at=now)
    )


def close_if_finished(
    connection: sa.Connection, bootstrap_uuid: str, now: sa.ColumnElement[float]
) -> None:
    """Let the next bootstrap be posted, if every job is at an end."""
    unfinished = sa.select(sa.func.count()).where(
        _JOBS.c.bootstrap_uuid == bootstrap_uuid, _JOBS.c.state.not_in(TERMINAL)
    )
    if not connection.execute(unfinished).scalar():
        bootstraps = schema.bootstraps
        connection.execute(
            bootstraps.update()
            .where(bootstraps.c.uuid == bootstrap_uuid)
            .values(active=None, finished_at=now)
        )
