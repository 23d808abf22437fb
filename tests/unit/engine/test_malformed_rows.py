# SPDX-License-Identifier: Apache-2.0
"""Rows that nothing of ours has written stop only their own flow."""

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import asdict

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.description.report import describe, summarize
from amphv2_bootstrap.engine.description.state import state_of
from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.control import draining
from amphv2_bootstrap.engine.storage.host_reports import HostReports
from amphv2_bootstrap.errors import BootstrapError, PermanentError
from tests.unit.engine.signs import beat
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


def _execute(cloud: Cloud, sql: str, **values: str) -> None:
    with cloud.database.write() as connection:
        assert connection.execute(sa.text(sql), values).rowcount


@pytest.mark.parametrize("text", ["nonsense", "[" * 100_000, '"' + "a" * 2**20 + '"'])
def test_progress_that_cannot_be_read(text: str, make_cloud: MakeCloud) -> None:
    """The flow is parked with the reason; commands say it, too."""
    cloud = make_cloud(main=["a", "b"])

    def fail() -> None:
        raise PermanentError("go on")

    cloud.flows.actions["b"] = fail
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "parked")
        _execute(cloud, "UPDATE atomdetails SET results = :text", text=text)
        cloud.journal.resume(uuid)
        cloud.wait_for(uuid, "parked")
    reason = str(cloud.store.flow_runs_of(uuid)[0].reason)
    assert "holds no JSON there" in reason
    assert cloud.ledger == ["do a", "do b"]
    with pytest.raises(DatabaseError, match="holds no JSON there"):
        describe(cloud.store, cloud.store.job(uuid))


def test_a_state_that_nobody_knows(make_cloud: MakeCloud) -> None:
    """A flow in an unknown state is left alone; the others are carried out."""
    cloud = make_cloud(main=["a"], other=["b"])
    uuid = cloud.post([NewFlowRun("main", 0), NewFlowRun("other", 0)])
    _execute(cloud, "UPDATE flow_runs SET state = 'evil' WHERE flow = 'main'")
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do b"]
    assert describe(cloud.store, cloud.store.job(uuid))["state"] == "done"


def test_a_specification_that_cannot_be_read(make_cloud: MakeCloud) -> None:
    """It is read as empty: so the job's seal doesn't fit, and lists show the job."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    _execute(cloud, "UPDATE jobs SET spec = :text, fingerprints = '[]'", text="{" * 999)
    (job,) = cloud.store.jobs()
    assert (job.uuid, job.spec, job.fingerprints) == (uuid, {}, {})


def _execute_unchecked(cloud: Cloud, table: sa.Table, sql: str, value: object) -> None:
    """As whoever may alter the table: first, all its columns may be NULL."""
    path = str(cloud.database.engine.url.database)
    weaker = "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(f"{weaker} WHERE name = '{table.name}'")
        connection.commit()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, (value,))
        connection.commit()
    cloud.database.engine.dispose()


_ODD = [
    *(None, "\x1b[31m", "{", "0;reboot", 1e308, -1e308, -9e10),
    *("x" * (2**20 + 1), b"\xff", 2**62),
]
# What says which row it is, and what nobody computes with.
_FREE = {"uuid", "job_uuid", "writes", "id", "sequence", "flow_detail_uuid", "active"}
_OF_JOBS = (schema.jobs, schema.flow_runs, schema.events)
_COLUMNS = [
    (table, column.name)
    for table in (*_OF_JOBS, schema.conductors, schema.hosts, schema.host_reports)
    for column in table.columns
    if column.name not in _FREE
]


@pytest.mark.parametrize(
    ("table", "column"), _COLUMNS, ids=[f"{t.name}-{name}" for t, name in _COLUMNS]
)
def test_no_value_prevents_a_look(
    table: sa.Table, column: str, make_cloud: MakeCloud
) -> None:
    """What operators look at leaves the row out, or shows it; another job is shown."""
    cloud = make_cloud(main=["a"])
    uuids = [cloud.post([NewFlowRun("main", 0)], kind=kind) for kind in (None, "plan")]
    beat(cloud.database, ProcessIdentity("one", 1, "other.machine", "0"))
    draining.drain(cloud.journal, "one", "me")
    reports = HostReports(cloud.database, Key)
    reports.publish("one", "one:1:m:0", "1.0", {})
    key = "uuid" if table is schema.jobs else "job_uuid"
    where = f"{key} = '{uuids[0]}'" if table in _OF_JOBS else "true"
    for value in _ODD:
        sql = f"UPDATE {table.name} SET {column} = ? WHERE {where}"
        _execute_unchecked(cloud, table, sql, value)
        shown = [summarize(job, []) for job in cloud.store.jobs()]
        shown += [asdict(row) for row in cloud.store.conductors()]
        shown += [asdict(drain) for drain in cloud.store.drains().values()]
        assert "\\x1b" not in repr([*shown, reports.all()])
        state_of(cloud.store)
        with contextlib.suppress(BootstrapError):
            describe(cloud.store, cloud.store.job(uuids[0]))
        assert describe(cloud.store, cloud.store.job(uuids[1]))["state"] == "ready"


@pytest.mark.parametrize("uuid", ["{", "0;reboot;", "$(reboot)", "\n" * 36])
def test_an_id_is_part_of_no_command(uuid: str, make_cloud: MakeCloud) -> None:
    """Operators copy commands with the id of a job: an id is nothing else."""
    cloud = make_cloud(main=["a"])
    for kind in (None, "plan"):
        cloud.post([NewFlowRun("main", 0)], kind=kind)
    sql = "UPDATE jobs SET uuid = ? WHERE kind IS NULL"
    _execute_unchecked(cloud, schema.jobs, sql, uuid)
    assert cloud.store.jobs() == []


@pytest.mark.parametrize("host", ["", "a b", "ctl1;reboot", "$(reboot)", "\n"])
def test_a_host_is_part_of_no_command(host: str, make_cloud: MakeCloud) -> None:
    """So is the name of a host."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    _execute(cloud, "UPDATE flow_runs SET host = :host", host=host)
    assert cloud.store.flow_runs_of(uuid) == []


@pytest.mark.parametrize(
    "results",
    [{"warnings": 5}, {"warnings": [5, None]}, {"summary": 5}, {"effect": []}],
)
def test_a_result_of_another_form_is_shown(
    results: dict[str, object], make_cloud: MakeCloud
) -> None:
    """Texts are texts for whoever shows them."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    with cloud.database.write() as connection:
        table = schema.atomdetails
        connection.execute(table.update().values(results=results, failure="x"))
    (step,) = describe(cloud.store, cloud.store.job(uuid))["flows"][0]["tasks"]
    assert all(isinstance(text, str) for text in step["warnings"])
    assert all(isinstance(step[name], str | None) for name in ("summary", "outcome"))
