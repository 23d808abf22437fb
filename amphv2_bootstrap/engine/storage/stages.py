# SPDX-License-Identifier: Apache-2.0
"""The locks on jobs and flows; which flows begin, and when the job is finished.

The functions that take a connection are a part of the caller's transaction, which
begins with :func:`lock_job`.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from amphv2_bootstrap.engine import rollout
from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.liveness import alive
from amphv2_bootstrap.engine.measures import MEASURES, Event
from amphv2_bootstrap.engine.records import FlowRun, FlowState
from amphv2_bootstrap.engine.rollout import Due
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.store import (
    conductors_in,
    drains_in,
    flow_run_from_row,
)
from amphv2_bootstrap.errors import ConflictError

_FLOW_RUNS = schema.flow_runs
_FENCE = (
    schema.flow_runs.update()
    .where(
        schema.flow_runs.c.uuid == sa.bindparam("run_uuid"),
        schema.flow_runs.c.epoch == sa.bindparam("run_epoch"),
    )
    .values(writes=schema.flow_runs.c.writes + 1)
)


def lock_job(connection: sa.Connection, uuid: str) -> bool:
    """Take the lock that a transaction on several flows of a job must take first.

    It is a write, for the same reason as :func:`check_epoch`. False, and no
    write, where the job is finished: then nothing changes any more.
    """
    jobs = schema.jobs
    locked = connection.execute(
        jobs.update()
        .where(jobs.c.uuid == uuid, jobs.c.active.is_not(None))
        .values(writes=jobs.c.writes + 1)
    )
    return bool(locked.rowcount)


def check_epoch(connection: sa.Connection, run: FlowRun) -> None:
    """Refuse a write under an old epoch; holds the row until the commit.

    It is a write itself. So on Galera, where a lock is known to its own node only, the
    commit is refused if a newer claim was made through another node.

    :raises FencedError: another conductor took the flow, it was cancelled, or it
        was resumed with other secrets.
    """
    mine = {"run_uuid": run.uuid, "run_epoch": run.epoch}
    if connection.execute(_FENCE, mine).rowcount == 1:
        return
    MEASURES.count(Event.WRITE_FENCED)
    table = schema.flow_runs
    query = sa.select(table.c.epoch).where(table.c.uuid == run.uuid)
    raise FencedError(
        "write the flow's progress",
        on=str(run),
        why=f"its epoch is {connection.execute(query).scalar()}, ours was {run.epoch}: "
        "another conductor has taken it, it was cancelled, or it was resumed with "
        "other secrets",
    )


def make_host(connection: sa.Connection, host: str) -> None:
    """Insert the host's row, unless it is there; two at once conflict."""
    table = schema.hosts
    query = sa.select(table.c.host).where(table.c.host == host)
    if connection.execute(query).first() is None:
        connection.execute(table.insert().values(host=host))


def refuse_drained(connection: sa.Connection, host: str) -> None:
    """Let a conductor of the host take a flow in this transaction.

    It is a write, so that on Galera, too, a drain through another node excludes it.

    :raises ConflictError: the host is drained.
    """
    table = schema.hosts
    make_host(connection, host)
    open_to_us = sa.and_(table.c.host == host, table.c.drained_at.is_(None))
    touch = table.update().where(open_to_us).values(writes=table.c.writes + 1)
    if not connection.execute(touch).rowcount:
        raise ConflictError(
            "take a flow",
            on=host,
            why="the host is drained",
            todo=f"To end that, run 'amphv2-bootstrap conductor undrain {host}'.",
        )


def raise_epoch(connection: sa.Connection, run: FlowRun) -> None:
    """Refuse all later writes of whoever carries the flow out."""
    raised = _FLOW_RUNS.update().where(_FLOW_RUNS.c.uuid == run.uuid)
    connection.execute(raised.values(epoch=_FLOW_RUNS.c.epoch + 1))


def locked_flow_run(connection: sa.Connection, uuid: str) -> FlowRun | None:
    """The flow of exactly this id; nobody else changes it before the commit."""
    query = (
        sa.select(schema.flow_runs)
        .where(schema.flow_runs.c.uuid == uuid)
        .with_for_update()
    )
    row = connection.execute(query).first()
    # The server's collation takes other spellings for the same.
    return flow_run_from_row(row) if row is not None and row.uuid == uuid else None


def lock(connection: sa.Connection, uuid: str) -> FlowRun | None:
    """Lock a flow; before it, its job, if it takes turns with others."""
    query = sa.select(_FLOW_RUNS.c.job_uuid).where(
        _FLOW_RUNS.c.uuid == uuid, _FLOW_RUNS.c.at_once.is_not(None)
    )
    job_uuid = connection.execute(query).scalar()
    if job_uuid is not None:
        lock_job(connection, job_uuid)
    return locked_flow_run(connection, uuid)


def look(connection: sa.Connection, job_uuid: str, now: sa.ColumnElement[float]) -> Due:
    """What follows from the states of the job's flows and hasn't been done."""
    table = schema.jobs
    mine = sa.and_(table.c.uuid == job_uuid, table.c.active.is_not(None))
    is_open = connection.execute(sa.select(table.c.uuid).where(mine)).first()
    runs = flow_runs_of(connection, job_uuid)
    if not is_open or not runs:
        return Due()
    paused = _is_paused(connection, job_uuid)
    return rollout.due(runs, _hosts(connection, now), paused=paused)


def advance(
    connection: sa.Connection, job_uuid: str, now: sa.ColumnElement[float]
) -> Due:
    """Do what :func:`look` finds, and return it."""
    found = look(connection, job_uuid, now)
    _apply(connection, job_uuid, found, now)
    return found


def release(
    connection: sa.Connection,
    job_uuid: str,
    flow: str,
    now: sa.ColumnElement[float],
) -> tuple[Due, list[FlowRun]]:
    """Let the flows of this name begin, as their stage would when it is their turn.

    Returns what was done, and all flows of the name.
    """
    members = [run for run in flow_runs_of(connection, job_uuid) if run.flow == flow]
    found = Due()
    if not _is_paused(connection, job_uuid):
        found = rollout.turns(members, _hosts(connection, now))
        _apply(connection, job_uuid, found, now)
    return found, members


def has_its_turn(connection: sa.Connection, run: FlowRun) -> bool:
    """Whether a ready flow may begin; see :func:`rollout.may_begin`."""
    if run.at_once is None:
        return True
    runs = flow_runs_of(connection, run.job_uuid)
    paused = _is_paused(connection, run.job_uuid)
    return bool(runs) and rollout.may_begin(run, runs, paused=paused)


def _is_paused(connection: sa.Connection, job_uuid: str) -> bool:
    table = schema.jobs
    query = sa.select(table.c.paused_at).where(table.c.uuid == job_uuid)
    return connection.execute(query).scalar() is not None


def hold(connection: sa.Connection, runs: Sequence[FlowRun]) -> None:
    """Make those of the flows that are ready wait again."""
    _move(connection, runs, FlowState.READY, state=FlowState.WAITING.value)


def flow_runs_of(connection: sa.Connection, job_uuid: str) -> list[FlowRun]:
    """The job's flows; none if one has a state that this version doesn't know."""
    query = sa.select(_FLOW_RUNS).where(_FLOW_RUNS.c.job_uuid == job_uuid)
    rows = connection.execute(query.order_by(_FLOW_RUNS.c.sequence)).all()
    found = [run for row in rows if (run := flow_run_from_row(row)) is not None]
    return found if len(found) == len(rows) else []


def _hosts(connection: sa.Connection, now: sa.ColumnElement[float]) -> set[str]:
    """Where a conductor is alive, by the database's clock, and isn't drained."""
    living = {row.host for row in alive(conductors_in(connection, now))}
    return living - drains_in(connection).keys()


def _apply(
    connection: sa.Connection,
    job_uuid: str,
    found: Due,
    now: sa.ColumnElement[float],
) -> None:
    hold(connection, found.hold)
    waiting = FlowState.WAITING
    _move(connection, found.release, waiting, state=FlowState.READY.value)
    cancelled = {"state": FlowState.CANCELLED.value, "finished_at": now}
    _move(connection, found.cancel, waiting, **cancelled)
    if found.close:
        _close(connection, job_uuid, now)


def _move(
    connection: sa.Connection,
    runs: Sequence[FlowRun],
    old: FlowState,
    **values: object,
) -> None:
    if runs:
        uuids = [run.uuid for run in runs]
        mine = sa.and_(_FLOW_RUNS.c.uuid.in_(uuids), _FLOW_RUNS.c.state == old.value)
        connection.execute(_FLOW_RUNS.update().where(mine).values(**values))


def _close(
    connection: sa.Connection, job_uuid: str, now: sa.ColumnElement[float]
) -> None:
    """Close the job, so that the next may be posted.

    What its secrets could be guessed from goes: fingerprints, salt and seal.
    """
    jobs = schema.jobs
    connection.execute(
        jobs.update()
        .where(jobs.c.uuid == job_uuid, jobs.c.active.is_not(None))
        .values(
            active=None,
            finished_at=now,
            paused_at=None,
            paused_by=None,
            fingerprints="{}",
            seal=None,
        )
    )
