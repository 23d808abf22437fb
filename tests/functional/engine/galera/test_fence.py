# SPDX-License-Identifier: Apache-2.0
"""A conductor that was superseded through one node writes nothing through another."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import FlowRun, FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.step_writes import Change, StepWrites
from tests.functional.engine.galera.conftest import Behind
from tests.servers.galera import Galera
from tests.unit.engine.toys import Cloud

Sides = tuple[Cloud, Cloud]
Write = Callable[[Cloud, FlowRun], object]


def _write_step(cloud: Cloud, run: FlowRun) -> None:
    change = Change("atom", "a", {"state": "SUCCESS"})
    with cloud.database.write() as connection:
        StepWrites(cloud.database, run, "old").write(connection, [change])


def _write_progress(cloud: Cloud, run: FlowRun) -> None:
    change = Change("atom", "a", {"meta": {"progress": 0.5}})
    with cloud.database.write() as connection:
        StepWrites(cloud.database, run, "old").write(connection, [change])


WRITES: dict[str, Write] = {
    "a step's end": _write_step,
    "a step's progress": _write_progress,
    "done": lambda cloud, run: cloud.journal.settle(run, FlowState.DONE),
    "given back": lambda cloud, run: cloud.journal.settle(run, FlowState.READY),
    "reverting": lambda cloud, run: cloud.journal.start_reverting(run, "why"),
    "a release": lambda cloud, run: cloud.journal.release_stage(run, "second"),
}


@pytest.fixture
def taken(sides: Sides, galera: Galera) -> FlowRun:
    """A flow that was taken through the second node."""
    uuid = sides[0].post([NewFlowRun("first", 0), NewFlowRun("second", 1)])
    run = sides[0].store.flow_runs_of(uuid)[0]
    step = {"uuid": "atom", "name": "a", "parent_uuid": run.flow_detail_uuid}
    with sides[0].database.write() as connection:
        connection.execute(
            schema.atomdetails.insert().values(**step, atom_type="TASK_DETAIL")
        )
    galera.wait_until_in_step()
    taken = sides[1].journal.take(run.uuid)
    assert taken is not None
    galera.wait_until_in_step()
    return taken


def _records(cloud: Cloud, run: FlowRun) -> list[object]:
    events = [event for _, event in cloud.store.events(run.job_uuid)]
    steps = cloud.store.steps(run, ["a"])
    return [*cloud.store.flow_runs_of(run.job_uuid), *events, *steps]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_former_holder_writes_nothing(
    write: Write, sides: Sides, taken: FlowRun, behind: Behind[object], galera: Galera
) -> None:
    """Its node doesn't know of the new holder yet; its write is refused anyway."""
    one, two = sides
    with pytest.raises(FencedError):
        behind(lambda: one.journal.take(taken.uuid), lambda: write(two, taken))
    galera.wait_until_in_step()
    (now,) = [r for r in one.store.flow_runs_of(taken.job_uuid) if r.flow == "first"]
    assert (now.epoch, now.state) == (taken.epoch + 1, FlowState.RUNNING)
    assert one.store.flow_runs_of(taken.job_uuid)[1].state is FlowState.WAITING
    assert _records(one, taken) == _records(two, taken)
    written = [e.owner for _, e in one.store.events(taken.job_uuid) if e.owner == "old"]
    assert not written
    assert one.store.steps(now, ["a"])[0].state == "PENDING"


def test_two_conductors_never_take_the_same_epoch(
    sides: Sides, taken: FlowRun, behind: Behind[FlowRun | None]
) -> None:
    """A claim through a node that lags behind gets the later epoch."""
    one, two = sides
    second = behind(
        lambda: one.journal.take(taken.uuid), lambda: two.journal.take(taken.uuid)
    )
    assert second is not None
    assert second.epoch == taken.epoch + 2
