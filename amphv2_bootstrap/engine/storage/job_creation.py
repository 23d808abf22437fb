# SPDX-License-Identifier: Apache-2.0
"""Writing a new job with all its flow runs, in one transaction."""

import uuid as uuids
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.engine.records import FlowState, NewFlowRun, flow_name
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database, is_duplicate, to_json
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store

_ACTIVE = "unfinished"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is about to be posted."""

    uuid: str
    spec: Mapping[str, Any]
    spec_digest: str
    fingerprints: Mapping[str, str]
    on_failure: str
    posted_by: str
    flow_runs: Sequence[NewFlowRun]
    atoms: Mapping[str, Sequence[str]]
    seal: str | None = None
    kind: str | None = None

    @property
    def active(self) -> str:
        """What is unique among the unfinished jobs."""
        return f"{self.kind}-{self.uuid}"[:16] if self.kind else _ACTIVE


def flow_run_uuid(job_uuid: str, new_run: NewFlowRun) -> str:
    """The id of a flow run: the same for the same flow and host of one job."""
    name = f"{new_run.flow}/{new_run.host or ''}"
    return str(uuids.uuid5(uuids.UUID(job_uuid), name))


class JobCreation:
    """Creates jobs; raises what :class:`Journal` does."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def create(self, new_job: NewJob) -> str:
        """Write a new job with all its flow runs, unless one is unfinished.

        Returns the id of the unfinished one where there is one (concurrent posts
        included), otherwise that of the new one. Safe to run again. A read-only
        job meets no other.
        """
        existing = None if new_job.kind else self.unfinished()
        if existing is not None:
            return existing
        try:
            with self._database.write() as connection:
                self._insert(connection, new_job)
        except DatabaseError as exc:
            existing = new_job.uuid if new_job.kind else self.unfinished()
            if not is_duplicate(exc) or existing is None:
                raise
            return existing
        return new_job.uuid

    def unfinished(self) -> str | None:
        """The id of the job that isn't finished yet."""
        return Store(self._database).unfinished()

    def _insert(self, connection: sa.Connection, new_job: NewJob) -> None:
        connection.execute(
            schema.jobs.insert().values(
                uuid=new_job.uuid,
                active=new_job.active,
                kind=new_job.kind,
                spec=to_json(new_job.spec),
                spec_digest=new_job.spec_digest,
                fingerprints=to_json(new_job.fingerprints),
                on_failure=new_job.on_failure,
                posted_by=new_job.posted_by,
                seal=new_job.seal,
                created_at=self._database.now,
            )
        )
        first = min(new_run.stage for new_run in new_job.flow_runs)
        sequence = self._next_sequence(connection)
        for number, new_run in enumerate(new_job.flow_runs, sequence):
            # With a limit, a conductor releases as many as may begin.
            ready = new_run.stage == first and new_run.at_once is None
            self._insert_flow_run(connection, new_job, new_run, number, ready=ready)
        self._journal.record(
            connection, new_job.uuid, "posted", message=new_job.posted_by
        )

    def _next_sequence(self, connection: sa.Connection) -> int:
        """The number of the next flow run: the time in milliseconds, or more.

        The numbers are places on a board, which may have entries of an earlier
        database. The job's row, which is unique, locks out other posts.
        """
        last = sa.func.max(schema.flow_runs.c.sequence)
        now, last_number = connection.execute(sa.select(self._database.now, last)).one()
        return max(int(now * 1000), (last_number or 0) + 1)

    def _insert_flow_run(
        self,
        connection: sa.Connection,
        new_job: NewJob,
        new_run: NewFlowRun,
        sequence: int,
        ready: bool,
    ) -> None:
        uuid = flow_run_uuid(new_job.uuid, new_run)
        name = flow_name(new_run.flow, new_run.host)
        book, flow = (str(uuids.uuid5(uuids.UUID(uuid), kind)) for kind in "bf")
        connection.execute(schema.logbooks.insert().values(uuid=book, name=name))
        connection.execute(
            schema.flowdetails.insert().values(
                uuid=flow,
                parent_uuid=book,
                name=new_run.flow,
                meta={
                    "shape": new_run.shape,
                    "atoms": list(new_job.atoms[new_run.flow]),
                },
            )
        )
        connection.execute(
            schema.flow_runs.insert().values(
                sequence=sequence,
                uuid=uuid,
                job_uuid=new_job.uuid,
                flow=new_run.flow,
                shape=new_run.shape,
                stage=new_run.stage,
                host=new_run.host,
                at_once=new_run.at_once,
                state=(FlowState.READY if ready else FlowState.WAITING).value,
                reverting=False,
                epoch=0,
                book_uuid=book,
                flow_detail_uuid=flow,
                created_at=self._database.now,
            )
        )
