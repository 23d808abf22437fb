# SPDX-License-Identifier: Apache-2.0
"""The state of the whole engine in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from amphv2_bootstrap.engine.liveness import ConductorRow
from amphv2_bootstrap.engine.records import Event, FlowRun, FlowState
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.store import Store


@dataclass(frozen=True, slots=True)
class State:
    """How many flows there are by state, and for how long the oldest waits, ready."""

    flows: Mapping[str, int]
    oldest_ready: float
    conductors: Sequence[ConductorRow]


def state_of(store: Store) -> State:
    """Read it, without read-only jobs; raises what :class:`Store` does."""
    table, jobs = schema.flow_runs, schema.jobs
    query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
    with store.database.read() as connection:
        read_only = sa.select(jobs.c.uuid).where(jobs.c.kind.is_not(None))
        uncounted = set(connection.execute(read_only).scalars())
        counted = query.where(table.c.job_uuid.not_in(uncounted))
        flows = {row[0]: row[1] for row in connection.execute(counted)}
        now = float(connection.execute(sa.select(store.database.now)).scalar_one())
    ready = [
        run
        for run in store.live_flow_runs()
        if run.state is FlowState.READY and run.job_uuid not in uncounted
    ]
    since = [ready_since(run, _events(store, run)) for run in ready]
    oldest = max(now - min(since), 0.0) if since else 0.0
    return State(flows, oldest, store.conductors())


def _events(store: Store, run: FlowRun) -> list[Event]:
    return [event for _, event in store.events(run.job_uuid)]


def ready_since(run: FlowRun, events: Sequence[Event]) -> float:
    """Since when a ready flow waits for a conductor, in epoch seconds.

    :param events: of the flow's job.
    """
    moments = [
        event.at
        for event in events
        if (event.flow_run_uuid == run.uuid and event.kind in ("ready", "resumed"))
        or (event.kind == "released" and _names(event, run))
        or event.kind == "secrets-renewed"
    ]
    return max(moments, default=run.created_at)


def _names(event: Event, run: FlowRun) -> bool:
    return run.name in (event.message or "").split(", ")
