# SPDX-License-Identifier: Apache-2.0
"""What steps note as theirs can't be forged: a revert acts on sealed notes only."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.errors import PermanentError
from tests.servers.process import wait_until
from tests.unit.engine.execution.test_intents import Flows, Maker
from tests.unit.engine.toys import Cloud

FOREIGN = "database:foreign"
Forgery = Callable[[Cloud, str], None]


@pytest.fixture
def flows() -> Flows:
    return Flows(lambda _: None)


def _fail_in_two(step: Maker) -> None:
    if step.name == "two":
        raise PermanentError("go on")


def _update(cloud: Cloud, table: sa.Table, where: Any, **values: Any) -> None:
    with cloud.database.write() as connection:
        done = connection.execute(table.update().where(where).values(**values))
    assert done.rowcount


def forge_result(cloud: Cloud, uuid: str, **more: Any) -> None:
    """Have the first step say that it made a foreign database."""
    result = {"effect": "changed", "summary": "", "made": [FOREIGN], **more}
    table = schema.atomdetails
    _update(cloud, table, table.c.name == "one", results=result)


def forge_seal(cloud: Cloud, uuid: str) -> None:
    """The same, with something in the place of the seal."""
    forge_result(cloud, uuid, seal="0" * 64)


def forge_intent(cloud: Cloud, uuid: str) -> None:
    """Add an event by which the first step was about to make it."""
    run = cloud.store.flow_runs_of(uuid)[0]
    with cloud.database.write() as connection:
        cloud.journal.record_flow_event(connection, run, "intends", FOREIGN, "one")


def move_intent(cloud: Cloud, uuid: str) -> None:
    """Have another step's sealed note be the first one's."""
    table = schema.events
    where = sa.and_(table.c.kind == "intends", table.c.atom == "two")
    _update(cloud, table, where, atom="one")


FORGERIES = [forge_result, forge_seal, forge_intent, move_intent]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_revert_does_not_undo_what_is_forged(
    forge: Forgery, cloud: Cloud, flows: Flows
) -> None:
    """The flow is parked with the reason, and nothing at all is undone."""
    uuid = ""

    def run(step: Maker) -> None:
        if step.name == "two":
            step.intents.add("two:own")
            forge(cloud, uuid)
            raise PermanentError("go on")

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "parked")
    assert flows.undone == []
    reason = str(cloud.store.flow_runs_of(uuid)[0].reason)
    assert "can't be proven that this job made it" in reason
    assert "cancel the job" in reason


@pytest.mark.parametrize(
    "forged",
    [
        {"report": {"steps": []}},
        {"report": {"steps": ["s3cr3t"]}},  # is masked, and so written anew
        {"shown": {"octavia": "19.0.0"}},
    ],
)
def test_a_forged_result_is_never_sealed(
    forged: dict[str, Any], cloud: Cloud, flows: Flows
) -> None:
    """Its step is written again where it is undone, and gets no seal by that."""
    uuid = ""

    def run(step: Maker) -> None:
        if step.name == "two":
            forge_result(cloud, uuid, made=[], **forged)
            raise PermanentError("go on")

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "reverted")
    with cloud.database.read() as connection:
        rows = connection.execute(sa.select(schema.atomdetails.c.results)).scalars()
        assert [row for row in rows if row and row.get("seal")] == []


def test_only_a_job_that_says_so_is_reverted(cloud: Cloud, flows: Flows) -> None:
    """A flow that is marked to be reverted is refused where the job says 'park'."""
    uuid = cloud.post([NewFlowRun("main", 0)])
    _update(cloud, schema.flow_runs, sa.true(), reverting=True)
    with cloud.running():
        wait_until(lambda: _refusals(cloud, uuid), what="the flow is refused")
    assert "says 'park'" in _refusals(cloud, uuid)[0]
    assert cloud.states(uuid) == ["ready"]
    assert flows.undone == []


def test_a_flow_of_another_host_is_not_run(cloud: Cloud, flows: Flows) -> None:
    """A conductor that claimed it before its host was changed back lets it go."""
    uuid = cloud.post([NewFlowRun("main", 0, "two")])
    conductor = cloud.conductor("one")
    runner = conductor._parts.runner
    run = cloud.store.flow_runs_of(uuid)[0]
    with pytest.raises(PermanentError, match="it was changed"):
        runner.check(run, cloud.store.job(uuid))
    assert run.state is FlowState.READY


def _refusals(cloud: Cloud, uuid: str) -> list[str]:
    events = [event for _, event in cloud.store.events(uuid)]
    return [str(event.message) for event in events if event.kind == "refused"]


def test_own_notes_carry_seals(cloud: Cloud, flows: Flows) -> None:
    """An intent has a seal in the database, and the removal of one needs none."""

    def run(step: Maker) -> None:
        step.intents.add("a")
        step.intents.remove("a")

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    events = [event for _, event in cloud.store.events(uuid)]
    seals = {event.kind: event.seal for event in events}
    assert len(str(seals["intends"])) == 64
    assert seals["retracts"] is None
    assert json.dumps(seals)


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVERTING"])
def test_a_step_that_is_marked_to_be_undone(
    state: str, cloud: Cloud, flows: Flows
) -> None:
    """taskflow would undo a step that is so marked, though the job is not reverted."""
    flows.run = _fail_in_two
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "parked")
        forge_result(cloud, uuid)
        table = schema.atomdetails
        _update(cloud, table, table.c.name == "one", intention="REVERT", state=state)
        flows.run = lambda _: None
        cloud.journal.resume(uuid)
        cloud.wait_for(uuid, "parked")
    assert flows.undone == []
    assert "was changed" in str(cloud.store.flow_runs_of(uuid)[0].reason)
