# SPDX-License-Identifier: Apache-2.0
"""Which flows of a job may begin, and when the job is finished.

The functions that take a connection are a part of the caller's transaction, which
begins with :func:`lock_job`.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from amphv2_bootstrap.engine.records import TERMINAL, FlowRun, FlowState
from amphv2_bootstrap.engine.storage import schema

_FLOW_RUNS = schema.flow_runs
_FAILED = [state for state in TERMINAL if state is not FlowState.DONE]


def is_behind(flow_runs: Sequence[FlowRun]) -> bool:
    """Whether :func:`advance` would change anything in this unfinished job."""
    states = {run.state for run in flow_runs}
    if FlowState.WAITING not in states:
        return states.issubset(TERMINAL)
    open_runs = [run for run in flow_runs if run.state is not FlowState.DONE]
    first = min(run.stage for run in open_runs)
    return not states.isdisjoint(_FAILED) or any(
        run.state is FlowState.WAITING and run.stage == first for run in open_runs
    )


def lock_job(connection: sa.Connection, uuid: str) -> bool:
    """Take the lock that a transaction on several flows of a job must take first.

    It is a write, for the same reason as :func:`journal.check_epoch`. False, and no
    write, where the job is finished: then nothing changes any more.
    """
    jobs = schema.jobs
    locked = connection.execute(
        jobs.update()
        .where(jobs.c.uuid == uuid, jobs.c.active.is_not(None))
        .values(writes=jobs.c.writes + 1)
    )
    return bool(locked.rowcount)


def advance(
    connection: sa.Connection, job_uuid: str, now: sa.ColumnElement[float]
) -> int:
    """Do what follows from the states of the job's flows, unless it was done before.

    The next stage is released where all before it are done; otherwise, where a flow
    has ended differently, those that wait are cancelled. The job is closed when all
    have ended. Returns how many flows were released.
    """
    failed = sa.select(sa.func.count()).where(
        _FLOW_RUNS.c.job_uuid == job_uuid, _FLOW_RUNS.c.state.in_(_FAILED)
    )
    released = 0
    if connection.execute(failed).scalar():
        cancel_waiting(connection, job_uuid, now)
    else:
        released = release_next(connection, job_uuid)
    close_if_finished(connection, job_uuid, now)
    return released


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
    """If all flows have ended, close the job, so that the next may be posted.

    What its secrets could be guessed from goes: fingerprints, salt and seal.
    """
    unfinished = sa.select(sa.func.count()).where(
        _FLOW_RUNS.c.job_uuid == job_uuid, _FLOW_RUNS.c.state.not_in(TERMINAL)
    )
    if not connection.execute(unfinished).scalar():
        jobs = schema.jobs
        connection.execute(
            jobs.update()
            .where(jobs.c.uuid == job_uuid, jobs.c.active.is_not(None))
            .values(active=None, finished_at=now, fingerprints="{}", seal=None)
        )
