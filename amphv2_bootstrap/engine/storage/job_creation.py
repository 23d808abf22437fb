# SPDX-License-Identifier: Apache-2.0
"""Writing a new bootstrap with all its jobs, in one transaction."""

import uuid as uuids
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.engine.records import JobState, PlannedJob
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database, is_duplicate, to_json
from amphv2_bootstrap.engine.storage.journal import Journal

_ACTIVE = "bootstrap"


@dataclass(frozen=True, slots=True)
class Draft:
    """A bootstrap that is about to be posted."""

    uuid: str
    spec: Mapping[str, Any]
    spec_digest: str
    fingerprints: Mapping[str, str]
    on_failure: str
    posted_by: str
    jobs: Sequence[PlannedJob]
    atoms: Mapping[str, Sequence[str]]


def job_uuid(bootstrap_uuid: str, planned: PlannedJob) -> str:
    """The id of a job: the same for the same flow and host of one bootstrap."""
    name = f"{planned.flow}/{planned.host or ''}"
    return str(uuids.uuid5(uuids.UUID(bootstrap_uuid), name))


class Drafts:
    """Where drafts become bootstraps; raises what :class:`Journal` does."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def create(self, draft: Draft) -> str:
        """Write a new bootstrap with all its jobs, unless one is unfinished.

        Returns the id of the unfinished one where there is one (concurrent posts
        included), otherwise the draft's.
        """
        existing = self.unfinished()
        if existing is not None:
            return existing
        try:
            with self._database.write() as connection:
                self._insert(connection, draft)
        except DatabaseError as exc:
            existing = self.unfinished()
            if not is_duplicate(exc) or existing is None:
                raise
            return existing
        return draft.uuid

    def unfinished(self) -> str | None:
        """The id of the bootstrap that isn't finished yet."""
        table = schema.bootstraps
        query = sa.select(table.c.uuid).where(table.c.active == _ACTIVE)
        with self._database.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else str(found)

    def _insert(self, connection: sa.Connection, draft: Draft) -> None:
        connection.execute(
            schema.bootstraps.insert().values(
                uuid=draft.uuid,
                active=_ACTIVE,
                spec=to_json(draft.spec),
                spec_digest=draft.spec_digest,
                fingerprints=to_json(draft.fingerprints),
                on_failure=draft.on_failure,
                posted_by=draft.posted_by,
                created_at=self._database.now,
            )
        )
        first = min(planned.stage for planned in draft.jobs)
        for planned in draft.jobs:
            self._insert_job(connection, draft, planned, ready=planned.stage == first)
        self._journal.record(connection, draft.uuid, "posted", message=draft.posted_by)

    def _insert_job(
        self, connection: sa.Connection, draft: Draft, planned: PlannedJob, ready: bool
    ) -> None:
        uuid = job_uuid(draft.uuid, planned)
        name = f"{planned.flow}/{planned.host}" if planned.host else planned.flow
        book, flow = (str(uuids.uuid5(uuids.UUID(uuid), kind)) for kind in "bf")
        connection.execute(schema.logbooks.insert().values(uuid=book, name=name))
        connection.execute(
            schema.flowdetails.insert().values(
                uuid=flow,
                parent_uuid=book,
                name=planned.flow,
                meta={"shape": planned.shape, "atoms": list(draft.atoms[planned.flow])},
            )
        )
        connection.execute(
            schema.jobs.insert().values(
                uuid=uuid,
                bootstrap_uuid=draft.uuid,
                flow=planned.flow,
                shape=planned.shape,
                stage=planned.stage,
                host=planned.host,
                state=(JobState.READY if ready else JobState.WAITING).value,
                reverting=False,
                epoch=0,
                book_uuid=book,
                flow_uuid=flow,
                created_at=self._database.now,
            )
        )
