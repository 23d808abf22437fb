# SPDX-License-Identifier: Apache-2.0
"""Steps write every change once, in its order, in few transactions."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import FlowRun, NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.step_writes import Change, StepWrites
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]
LENGTH = 20


def _atom_events(cloud: Cloud, uuid: str) -> list[str]:
    events = [event for _, event in cloud.store.events(uuid) if event.kind == "task"]
    return [f"{event.atom} {event.message}" for event in events]


def test_an_end_is_written_with_the_next_beginning(make_cloud: MakeCloud) -> None:
    """Each step takes one transaction; the history has each change in its order."""
    names = [f"s{number}" for number in range(LENGTH)]
    cloud = make_cloud(main=names)
    uuid = cloud.post([NewFlowRun("main", 0)])
    written = 0

    @sa.event.listens_for(cloud.database.engine, "before_cursor_execute")
    def _count(_connection: object, _cursor: object, text: str, *_: object) -> None:
        nonlocal written
        written += text.startswith("UPDATE flow_runs SET writes=")

    with cloud.running():
        cloud.wait_for(uuid, "done")
    states = ("RUNNING", "SUCCESS")
    assert _atom_events(cloud, uuid) == [f"{n} {s}" for n in names for s in states]
    assert LENGTH <= written <= LENGTH + 10


@pytest.fixture
def taken(make_cloud: MakeCloud) -> tuple[Cloud, FlowRun]:
    """A flow that was taken, with two steps to write."""
    cloud = make_cloud(main=["a", "b"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    flow_run = cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert flow_run is not None
    rows = [
        {"uuid": n, "name": n, "parent_uuid": flow_run.flow_detail_uuid} for n in "ab"
    ]
    with cloud.database.write() as connection:
        for row in rows:
            connection.execute(
                schema.atomdetails.insert().values(**row, atom_type="TASK_DETAIL")
            )
    return cloud, flow_run


CHANGES = [
    Change("a", "a", {"state": "SUCCESS", "results": {"made": ["x"]}}),
    Change("b", "b", {"meta": {"progress": 0.5}}),
    Change("b", "b", {"state": "RUNNING"}),
]


def _write(cloud: Cloud, flow_run: FlowRun) -> None:
    writes = StepWrites(cloud.database, flow_run, cloud.journal.owner)
    with cloud.database.write() as connection:
        writes.write(connection, CHANGES)


def _atoms(cloud: Cloud) -> dict[str, tuple[object, ...]]:
    table = schema.atomdetails
    query = sa.select(table.c.name, table.c.state, table.c.results, table.c.meta)
    with cloud.database.read() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(query)}


def test_changes_of_several_steps_go_together(taken: tuple[Cloud, FlowRun]) -> None:
    """Each column of each step is written, and an event for each new state."""
    cloud, flow_run = taken
    _write(cloud, flow_run)
    assert _atoms(cloud) == {
        "a": ("SUCCESS", {"made": ["x"]}, None),
        "b": ("RUNNING", None, {"progress": 0.5}),
    }
    assert _atom_events(cloud, flow_run.job_uuid) == ["a SUCCESS", "b RUNNING"]


def test_nothing_is_written_under_an_old_epoch(taken: tuple[Cloud, FlowRun]) -> None:
    """Neither a change nor an event is written."""
    cloud, flow_run = taken
    before = _atoms(cloud)
    assert cloud.journal.take(flow_run.uuid)
    with pytest.raises(FencedError, match="its epoch is 2, ours was 1"):
        _write(cloud, flow_run)
    assert _atoms(cloud) == before
    assert not _atom_events(cloud, flow_run.job_uuid)
