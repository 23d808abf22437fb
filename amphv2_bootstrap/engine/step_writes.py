# SPDX-License-Identifier: Apache-2.0
"""The two statements of a step's every change, made once and used again.

Building a statement costs as much as sending it; these run twice per step.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine import schema
from amphv2_bootstrap.engine.database import Database
from amphv2_bootstrap.engine.journal import check_epoch
from amphv2_bootstrap.engine.records import Job
from amphv2_bootstrap.engine.store import ATOM_EVENT

_UUID = "atom_uuid"


class StepWrites:
    """Writes the steps of one job; every statement is fenced by its epoch."""

    def __init__(self, database: Database, job: Job, owner: str) -> None:
        self._job = job
        self._record = _record_statement(str(database.now.compile()))
        self._fixed = {
            "bootstrap_uuid": job.bootstrap_uuid,
            "job_uuid": job.uuid,
            "owner": owner,
            "epoch": job.epoch,
        }

    def record(self, connection: sa.Connection, atom: str, state: str) -> None:
        """Record a step's new state, and see that the job is still ours.

        Holds the job's row until the commit, as :func:`check_epoch` does.

        :raises FencedError: another conductor took the job, or it was cancelled.
        """
        values = {**self._fixed, "atom": atom, "message": state}
        if not connection.execute(self._record, values).rowcount:
            check_epoch(connection, self._job)

    def update(
        self, connection: sa.Connection, uuid: str, changes: Mapping[str, Any]
    ) -> None:
        """Write the changed columns of an atom."""
        statement = _update_statement(tuple(changes))
        connection.execute(statement, {**changes, _UUID: uuid})


@lru_cache
def _record_statement(now: str) -> sa.Insert:
    jobs = schema.jobs
    names = ("bootstrap_uuid", "job_uuid", "owner", "atom", "message")
    source = (
        sa.select(
            *(sa.bindparam(name, type_=sa.String()) for name in names),
            sa.literal_column(f"'{ATOM_EVENT}'"),
            sa.literal_column(now, sa.Double()),
        )
        .select_from(jobs)
        .where(
            jobs.c.uuid == sa.bindparam("job_uuid", type_=sa.String()),
            jobs.c.epoch == sa.bindparam("epoch", type_=sa.Integer()),
        )
        .with_for_update(read=True)
    )
    return schema.events.insert().from_select(
        [*names, "kind", "at"], source, include_defaults=False
    )


@lru_cache
def _update_statement(columns: tuple[str, ...]) -> sa.Update:
    table = schema.atomdetails
    return (
        table.update()
        .where(table.c.uuid == sa.bindparam(_UUID))
        .values(
            {name: sa.bindparam(name, type_=table.c[name].type) for name in columns}
        )
    )
