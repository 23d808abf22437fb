# SPDX-License-Identifier: Apache-2.0
"""Reading jobs, flow runs, steps and events from the engine's database."""

import itertools
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.bounded import read_object, sound
from amphv2_bootstrap.engine.liveness import DEFAULT_HEARTBEAT_SECONDS, ConductorRow
from amphv2_bootstrap.engine.process_identity import host_of
from amphv2_bootstrap.engine.records import (
    LIVE,
    Drain,
    Event,
    FlowRun,
    FlowState,
    Job,
    Step,
)
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.errors import NotFoundError
from amphv2_bootstrap.spec.masking import printable

LOG = logging.getLogger(__name__)

_RUN_STATES = ("RUNNING", "REVERTING")
_IS_LISTED = schema.jobs.c.kind.is_(None)
ATOM_EVENT = "task"
RETRY_EVENT = "retrying"


class Store:
    """Queries only; :mod:`amphv2_bootstrap.engine.storage.journal` writes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def jobs(self, limit: int | None = 50, since: float = 0.0) -> list[Job]:
        """The newest jobs but read-only ones, newest first.

        :param limit: how many; None: all.
        :param since: only those that were posted then or later, in epoch seconds.
        """
        table = schema.jobs
        query = sa.select(table).where(table.c.created_at >= since, _IS_LISTED)
        query = query.order_by(table.c.created_at.desc()).limit(limit)
        with self.database.read() as connection:
            return [_job(row) for row in sound(table, connection.execute(query))]

    def job(self, uuid: str) -> Job:
        """:raises NotFoundError: there is none of this id."""
        table = schema.jobs
        with self.database.read() as connection:
            found = connection.execute(sa.select(table).where(table.c.uuid == uuid))
            row = next(sound(table, found), None)
        if row is None:
            raise NotFoundError(
                "find the job",
                on=uuid,
                why="the engine's database holds no job of this id",
                todo="See 'amphv2-bootstrap job list'.",
            )
        return _job(row)

    def resolve(self, text: str | None) -> Job:
        """The job with an id, or with a flow's id, that begins with ``text``.

        :param text: None means the newest job.
        :raises NotFoundError: there is no such job, or there are several.
        """
        found = self.jobs(limit=1) if text is None else self._beginning_with(text)
        if len(found) == 1:
            return found[0]
        why = f"{len(found)} jobs have an id that begins so" if found else "none has it"
        raise NotFoundError(
            "find the job",
            on=text or "",
            why=why,
            todo="See 'amphv2-bootstrap job list'.",
        )

    def _beginning_with(self, text: str) -> list[Job]:
        """The jobs that :meth:`resolve` means; none for the empty text."""
        if not text:
            return []
        jobs, flow_runs = schema.jobs, schema.flow_runs
        begins = [
            table.c.uuid.startswith(text, autoescape=True)
            for table in (jobs, flow_runs)
        ]
        of_flow_runs = sa.select(flow_runs.c.job_uuid).where(begins[1])
        query = sa.select(jobs).where(sa.or_(begins[0], jobs.c.uuid.in_(of_flow_runs)))
        with self.database.read() as connection:
            return [_job(row) for row in sound(jobs, connection.execute(query))]

    def flow_runs_of(self, job_uuid: str) -> list[FlowRun]:
        """All flow runs of a job, in the order of their stages."""
        table = schema.flow_runs
        return self._flow_runs(table.c.job_uuid == job_uuid)

    def live_flow_runs(self) -> list[FlowRun]:
        """The flow runs that belong onto the jobboard now."""
        return self._flow_runs(schema.flow_runs.c.state.in_(LIVE))

    def unfinished(self) -> str | None:
        """The id of the job that isn't finished; there may be read-only ones."""
        table = schema.jobs
        query = sa.select(table.c.uuid).where(table.c.active.is_not(None), _IS_LISTED)
        with self.database.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else str(found)

    def forgotten(self, older_than: float) -> list[str]:
        """The ids of unfinished read-only jobs, posted ``older_than`` seconds ago."""
        table = schema.jobs
        is_old = table.c.created_at < self.database.now - older_than
        read_only = sa.and_(table.c.kind.is_not(None), table.c.active.is_not(None))
        with self.database.read() as connection:
            query = sa.select(table.c.uuid).where(read_only, is_old)
            return list(connection.execute(query).scalars())

    def flow_run(self, uuid: str) -> FlowRun | None:
        """The flow run of exactly this id."""
        found = self._flow_runs(schema.flow_runs.c.uuid == uuid)
        # The server's collation takes other spellings for the same.
        return found[0] if found and found[0].uuid == uuid else None

    def flow_runs(self, uuids: Iterable[str]) -> list[FlowRun]:
        return self._flow_runs(schema.flow_runs.c.uuid.in_(list(uuids)))

    def _flow_runs(self, condition: sa.ColumnElement[bool]) -> list[FlowRun]:
        table = schema.flow_runs
        query = sa.select(table).where(condition)
        query = query.order_by(table.c.stage, table.c.sequence)
        with self.database.read() as connection:
            return [
                flow_run
                for row in connection.execute(query)
                if (flow_run := flow_run_from_row(row)) is not None
            ]

    def events(self, job_uuid: str, after: int = 0) -> list[tuple[int, Event]]:
        """The events of a job after number ``after``, each with its number."""
        table = schema.events
        return self._events(sa.and_(table.c.job_uuid == job_uuid, table.c.id > after))

    def _events(self, condition: sa.ColumnElement[bool]) -> list[tuple[int, Event]]:
        table = schema.events
        query = sa.select(table).where(condition).order_by(table.c.id)
        with self.database.read() as connection:
            return [
                (
                    row.id,
                    Event(
                        row.at,
                        row.kind,
                        row.owner,
                        row.flow_run_uuid,
                        row.atom,
                        row.message,
                        row.seal,
                    ),
                )
                for row in sound(table, connection.execute(query))
            ]

    def steps(self, run: FlowRun, atom_names: Sequence[str]) -> list[Step]:
        """The steps of a flow run in the order of ``atom_names``.

        Steps that were not begun have the state PENDING.
        """
        table = schema.atomdetails
        query = sa.select(table).where(table.c.parent_uuid == run.flow_detail_uuid)
        with self.database.read() as connection:
            rows = {row.name: row for row in connection.execute(query)}
        # In other states nothing runs, though a step may have been cut off.
        retries = (RETRY_EVENT,) if run.state is FlowState.RUNNING else ()
        history = self.flow_run_events(run, (ATOM_EVENT, *retries))
        return [_step(name, rows.get(name), history) for name in atom_names]

    def atom_names(self, run: FlowRun) -> list[str]:
        """The steps' names as they were at the time of the post."""
        with self.database.read() as connection:
            return atom_names_in(connection, run)

    def flow_run_events(self, run: FlowRun, kinds: Collection[str]) -> list[Event]:
        """The flow run's events of these kinds, in their order."""
        table = schema.events
        mine = sa.and_(
            table.c.job_uuid == run.job_uuid,
            table.c.flow_run_uuid == run.uuid,
            table.c.kind.in_(kinds),
        )
        return [event for _, event in self._events(mine)]

    def conductors(self) -> list[ConductorRow]:
        """The conductors that have not signed off, by host and start."""
        with self.database.read() as connection:
            return conductors_in(connection, self.database.now)

    def drains(self) -> dict[str, Drain]:
        """The drained hosts, by their names."""
        with self.database.read() as connection:
            return drains_in(connection)


def conductors_in(
    connection: sa.Connection, now: sa.ColumnElement[float]
) -> list[ConductorRow]:
    """See :meth:`Store.conductors`; within the caller's transaction."""
    table = schema.conductors
    age = (now - table.c.seen_at).label("age")
    query = sa.select(table, age).order_by(table.c.host, table.c.started_at)
    return [_conductor(row) for row in sound(table, connection.execute(query))]


def drains_in(connection: sa.Connection) -> dict[str, Drain]:
    """See :meth:`Store.drains`; within the caller's transaction."""
    table = schema.hosts
    query = sa.select(table).where(table.c.drained_at.is_not(None))
    rows = sound(table, connection.execute(query.order_by(table.c.host)))
    return {row.host: Drain(row.host, row.drained_at, row.drained_by) for row in rows}


def atom_names_in(connection: sa.Connection, run: FlowRun) -> list[str]:
    """See :meth:`Store.atom_names`; within the caller's transaction."""
    table = schema.flowdetails
    query = sa.select(table.c.meta).where(table.c.uuid == run.flow_detail_uuid)
    meta = connection.execute(query).scalar()
    names = meta.get("atoms") if isinstance(meta, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def flow_run_from_row(row: Any) -> FlowRun | None:
    """The flow run; None for what this version doesn't know, or has not written."""
    if not any(sound(schema.flow_runs, [row])):
        return None
    values = dict(row._mapping)
    try:
        values["state"] = FlowState(values["state"])
    except ValueError:
        LOG.error("Flow run %r is in the unknown state %r", row.uuid, row.state)
        return None
    values["reverting"] = bool(values["reverting"])
    del values["writes"]
    return FlowRun(**values)


def _job(row: Any) -> Job:
    return Job(
        uuid=row.uuid,
        # What can't be read doesn't have the job's seal.
        spec=read_object(row.spec),
        spec_digest=row.spec_digest,
        fingerprints=read_object(row.fingerprints),
        on_failure=row.on_failure,
        posted_by=row.posted_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
        seal=row.seal,
        paused_at=row.paused_at,
        paused_by=row.paused_by,
        kind=row.kind,
    )


def _conductor(row: Any) -> ConductorRow:
    values = dict(row._mapping)
    values["heartbeat_seconds"] = row.heartbeat_seconds or DEFAULT_HEARTBEAT_SECONDS
    values["board_error"] = printable(row.board_error)
    return ConductorRow(**values)


def _step(name: str, row: Any, history: Sequence[Event]) -> Step:
    events = [event for event in history if event.atom == name]
    own = [event for event in events if event.kind == ATOM_EVENT]
    runs = [event for event in own if event.message in _RUN_STATES]
    if row is None:
        return Step(name, "PENDING")
    retries = _retries(events)
    ended = own[-1].at if own and own[-1].message not in _RUN_STATES else None
    # Where undoing it was more than a removal, it says what was done.
    undone = row.revert_results if row.state == "REVERTED" else None
    result = undone or row.results
    failure = row.revert_failure or row.failure
    return Step(
        name=name,
        state=row.state or "PENDING",
        host=host_of(own[-1].owner) if own else None,
        started_at=runs[-1].at if runs else None,
        finished_at=ended,
        runs=len(runs),
        result=result if isinstance(result, dict) else {},
        reason=failure.get("exception_str") if isinstance(failure, dict) else None,
        retrying_since=retries[0].at if retries else None,
        retrying_why=retries[-1].message if retries else None,
    )


def _retries(events: Sequence[Event]) -> list[Event]:
    """The retries since the step's last change of state: none once it has ended."""
    last = itertools.takewhile(lambda e: e.kind == RETRY_EVENT, reversed(events))
    return list(last)[::-1]
