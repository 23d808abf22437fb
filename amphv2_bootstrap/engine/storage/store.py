# SPDX-License-Identifier: Apache-2.0
"""Reading bootstraps, jobs, steps and events from the engine's database."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.process_identity import host_of
from amphv2_bootstrap.engine.records import LIVE, Bootstrap, Event, Job, JobState, Step
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.errors import NotFoundError

_RUN_STATES = ("RUNNING", "REVERTING")
ATOM_EVENT = "task"


class Store:
    """Queries only; :mod:`amphv2_bootstrap.engine.storage.journal` writes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def bootstraps(self, limit: int = 50) -> list[Bootstrap]:
        """The newest bootstraps, newest first."""
        table = schema.bootstraps
        query = sa.select(table).order_by(table.c.created_at.desc()).limit(limit)
        with self.database.read() as connection:
            return [_bootstrap(row) for row in connection.execute(query)]

    def bootstrap(self, uuid: str) -> Bootstrap:
        """:raises NotFoundError: there is none of this id."""
        table = schema.bootstraps
        with self.database.read() as connection:
            row = connection.execute(
                sa.select(table).where(table.c.uuid == uuid)
            ).first()
        if row is None:
            raise NotFoundError(
                "find the job",
                on=uuid,
                why="the engine's database holds no job of this id",
                todo="See 'amphv2-bootstrap job list'.",
            )
        return _bootstrap(row)

    def resolve(self, text: str | None) -> Bootstrap:
        """The bootstrap whose id begins with ``text``; None means the newest.

        :raises NotFoundError: none, or several, begin so.
        """
        found = [
            each
            for each in self.bootstraps(limit=1 if text is None else 1000)
            if text is None or each.uuid.startswith(text)
        ]
        if len(found) == 1:
            return found[0]
        why = "several ids begin so" if found else "there is none"
        raise NotFoundError(
            "find the job", on=text or "", why=why, todo="See 'job list'."
        )

    def jobs_of(self, bootstrap_uuid: str) -> list[Job]:
        """All jobs of a bootstrap, in the order of their stages."""
        table = schema.jobs
        return self._jobs(table.c.bootstrap_uuid == bootstrap_uuid)

    def live_jobs(self) -> list[Job]:
        """The jobs that belong onto the jobboard now."""
        return self._jobs(schema.jobs.c.state.in_(LIVE))

    def job(self, uuid: str) -> Job | None:
        found = self._jobs(schema.jobs.c.uuid == uuid)
        return found[0] if found else None

    def jobs(self, uuids: Iterable[str]) -> list[Job]:
        return self._jobs(schema.jobs.c.uuid.in_(list(uuids)))

    def _jobs(self, condition: sa.ColumnElement[bool]) -> list[Job]:
        table = schema.jobs
        query = sa.select(table).where(condition)
        query = query.order_by(table.c.stage, table.c.sequence)
        with self.database.read() as connection:
            return [job_from_row(row) for row in connection.execute(query)]

    def events(self, bootstrap_uuid: str, after: int = 0) -> list[tuple[int, Event]]:
        """Events of a bootstrap with their numbers, those after ``after``."""
        table = schema.events
        return self._events(
            sa.and_(table.c.bootstrap_uuid == bootstrap_uuid, table.c.id > after)
        )

    def _events(self, condition: sa.ColumnElement[bool]) -> list[tuple[int, Event]]:
        table = schema.events
        query = sa.select(table).where(condition).order_by(table.c.id)
        with self.database.read() as connection:
            return [
                (
                    row.id,
                    Event(
                        row.at, row.kind, row.owner, row.job_uuid, row.atom, row.message
                    ),
                )
                for row in connection.execute(query)
            ]

    def steps(self, job: Job, atom_names: Sequence[str]) -> list[Step]:
        """The steps of a job in the order of ``atom_names``.

        Steps that were not begun have the state PENDING.
        """
        table = schema.atomdetails
        query = sa.select(table).where(table.c.parent_uuid == job.flow_uuid)
        with self.database.read() as connection:
            rows = {row.name: row for row in connection.execute(query)}
        history = self.job_events(job, (ATOM_EVENT,))
        return [_step(name, rows.get(name), history) for name in atom_names]

    def atom_names(self, job: Job) -> list[str]:
        """The steps' names as they were at the time of the post."""
        table = schema.flowdetails
        query = sa.select(table.c.meta).where(table.c.uuid == job.flow_uuid)
        with self.database.read() as connection:
            meta = connection.execute(query).scalar()
        return list((meta or {}).get("atoms", ()))

    def job_events(self, job: Job, kinds: Collection[str]) -> list[Event]:
        """The events of these kinds that are the job's own, in their order."""
        table = schema.events
        mine = sa.and_(
            table.c.bootstrap_uuid == job.bootstrap_uuid,
            table.c.job_uuid == job.uuid,
            table.c.kind.in_(kinds),
        )
        return [event for _, event in self._events(mine)]

    def conductors(self) -> list[Any]:
        """Rows of ``conductors`` with ``age``: seconds since they were seen."""
        table = schema.conductors
        query = sa.select(
            table, (self.database.now - table.c.seen_at).label("age")
        ).order_by(table.c.host, table.c.started_at)
        with self.database.read() as connection:
            return list(connection.execute(query))


def job_from_row(row: Any) -> Job:
    values = dict(row._mapping)
    values["state"] = JobState(values["state"])
    values["reverting"] = bool(values["reverting"])
    return Job(**values)


def _bootstrap(row: Any) -> Bootstrap:
    return Bootstrap(
        uuid=row.uuid,
        spec=json.loads(row.spec),
        spec_digest=row.spec_digest,
        fingerprints=json.loads(row.fingerprints),
        on_failure=row.on_failure,
        posted_by=row.posted_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _step(name: str, row: Any, history: Sequence[Event]) -> Step:
    own = [event for event in history if event.atom == name]
    runs = [event for event in own if event.message in _RUN_STATES]
    if row is None:
        return Step(name, "PENDING")
    ended = own[-1].at if own and own[-1].message not in _RUN_STATES else None
    result = row.results if isinstance(row.results, dict) else {}
    failure = row.revert_failure or row.failure
    return Step(
        name=name,
        state=row.state or "PENDING",
        host=host_of(own[-1].owner) if own else None,
        started_at=runs[-1].at if runs else None,
        finished_at=ended,
        runs=len(runs),
        result=result,
        reason=failure.get("exception_str") if failure else None,
    )
