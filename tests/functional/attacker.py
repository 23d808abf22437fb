# SPDX-License-Identifier: Apache-2.0
"""An attacker with all rights on the engine's database who knows no secret."""

import json
import uuid as uuids
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.job_creation import flow_run_uuid
from tests.servers.mariadb import MariaDB

NAME = "attacker"
Row = dict[str, Any]
Change = Callable[[Row, list[Row]], None]


class Attacker:
    """Logs in with an account that has all rights on the engine's database only."""

    def __init__(self, mariadb: MariaDB) -> None:
        mariadb.execute(f"CREATE USER {NAME}@'%' IDENTIFIED BY 'x'")
        mariadb.execute(f"GRANT ALL ON amphv2_engine.* TO {NAME}@'%'")
        place = f"{mariadb.host}:{mariadb.port}"
        self.database = Database(f"mysql+pymysql://{NAME}:x@{place}/amphv2_engine")

    def execute(self, *statements: sa.Executable) -> None:
        with self.database.write() as connection:
            connection.exec_driver_sql("SET foreign_key_checks = 0")
            for statement in statements:
                connection.execute(statement)

    def forge(self, original: str, change: Change) -> str:
        """Post a copy of a job with some changes; returns its id.

        :param change: is called with the row of the job, its specification parsed, and
            with the rows of its flows.
        """
        job, runs = self._rows(original)
        job |= {"uuid": str(uuids.uuid4()), "active": None}
        job["spec"] = json.loads(job["spec"])
        for run in runs:
            new = NewFlowRun(run["flow"], run["stage"], run["host"])
            run |= {"uuid": flow_run_uuid(job["uuid"], new), "job_uuid": job["uuid"]}
            # Whatever the stage: the attacker waits for nothing.
            run |= {"state": FlowState.READY.value, "sequence": None}
            run["flow_detail_uuid"] = str(uuids.uuid4())
        change(job, runs)
        if not isinstance(job["spec"], str):
            job["spec"] = json.dumps(job["spec"])
        self.execute(*self._inserts(job, runs))
        return str(job["uuid"])

    def _rows(self, original: str) -> tuple[Row, list[Row]]:
        jobs, runs = schema.jobs, schema.flow_runs
        with self.database.read() as connection:
            job = connection.execute(sa.select(jobs).where(jobs.c.uuid == original))
            of_it = sa.select(runs).where(runs.c.job_uuid == original)
            return dict(job.one()._mapping), [
                dict(row._mapping) for row in connection.execute(of_it)
            ]

    def _inserts(self, job: Row, runs: list[Row]) -> list[sa.Executable]:
        details = [
            schema.flowdetails.insert().values(
                uuid=run["flow_detail_uuid"],
                parent_uuid=run["book_uuid"],
                name=run["flow"],
            )
            for run in runs
        ]
        posted = [schema.flow_runs.insert().values(**run) for run in runs]
        if job.pop("missing", False):
            return [*details, *posted]
        return [schema.jobs.insert().values(**job), *details, *posted]
