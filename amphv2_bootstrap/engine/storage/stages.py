# SPDX-License-Identifier: Apache-2.0
"""Which flows of a job may begin, and when the job is finished.

Each function is a part of the caller's transaction, which begins with
:func:`lock_job`.
"""

import sqlalchemy as sa

from amphv2_bootstrap.engine.records import TERMINAL, FlowState
from amphv2_bootstrap.engine.storage import schema

_FLOW_RUNS = schema.flow_runs


def lock_job(connection: sa.Connection, uuid: str) -> None:
    """Take the lock that a transaction on several flows of a job must take first."""
    table = schema.jobs
    connection.execute(
        sa.select(table.c.uuid).where(table.c.uuid == uuid).with_for_update()
    )


def release_next(connection: sa.Connection, job_uuid: str) -> int:
    """Make the first stage that isn't done ready; returns the number of its flows."""
    of_it = _FLOW_RUNS.c.job_uuid == job_uuid
    stage = connection.execute(
        sa.select(sa.func.min(_FLOW_RUNS.c.stage)).where(
            of_it, _FLOW_RUNS.c.state != FlowState.DONE.value
        )
    ).scalar()
    if stage is None:
        return 0
    return release(connection, sa.and_(of_it, _FLOW_RUNS.c.stage == stage))


def release(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    """Make the waiting flows among these ready; returns how many there were."""
    released = connection.execute(
        _FLOW_RUNS.update()
        .where(condition, _FLOW_RUNS.c.state == FlowState.WAITING.value)
        .values(state=FlowState.READY.value)
    )
    return int(released.rowcount)


def cancel_waiting(
    connection: sa.Connection, job_uuid: str, now: sa.ColumnElement[float]
) -> None:
    """Cancel the flows that can't begin any more."""
    connection.execute(
        _FLOW_RUNS.update()
        .where(
            _FLOW_RUNS.c.job_uuid == job_uuid,
            _FLOW_RUNS.c.state == FlowState.WAITING.value,
        )
        .values(state=FlowState.CANCELLED.value, finished_at=now)
    )


def close_if_finished(
    connection: sa.Connection, job_uuid: str, now: sa.ColumnElement[float]
) -> None:
    """If all flows have ended, close the job, so that the next may be posted."""
    unfinished = sa.select(sa.func.count()).where(
        _FLOW_RUNS.c.job_uuid == job_uuid, _FLOW_RUNS.c.state.not_in(TERMINAL)
    )
    if not connection.execute(unfinished).scalar():
        jobs = schema.jobs
        connection.execute(
            jobs.update()
            .where(jobs.c.uuid == job_uuid, jobs.c.active.is_not(None))
            .values(active=None, finished_at=now)
        )
