# SPDX-License-Identifier: Apache-2.0
"""The conductor's loop, on a real database and board, with toy flows."""

import dataclasses
import threading
from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.conductor import workers
from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError
from tests.servers.process import wait_until
from tests.unit.engine.toys import SETTINGS, Cloud

MakeCloud = Callable[..., Cloud]


def test_runs_a_posted_job_to_its_end(make_cloud: MakeCloud) -> None:
    """A flow in the database is posted by the conductor, and every step is run."""
    cloud = make_cloud(main=["a", "b", "c"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do a", "do b", "do c"]
    assert cloud.job_creation.unfinished() is None


def test_a_stage_waits_for_the_one_before(make_cloud: MakeCloud) -> None:
    """The flows of a stage begin when the last flow of the stage before is done."""
    cloud = make_cloud(first=["a"], second=["b"])
    uuid = cloud.post([NewFlowRun("first", 0), NewFlowRun("second", 1, "one")])
    assert cloud.states(uuid) == ["ready", "waiting"]
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do a", "do b"]


def test_a_hosts_flow_waits_for_its_host(make_cloud: MakeCloud) -> None:
    """Conductors of other hosts leave a host's flow alone; it stays ready."""
    cloud = make_cloud(first=["a"], second=["b"])
    uuid = cloud.post([NewFlowRun("first", 0), NewFlowRun("second", 1, "two")])
    with cloud.running("one"):
        cloud.wait_for(uuid, "done", "ready")
    assert cloud.ledger == ["do a"]
    with cloud.running("two"):
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do a", "do b"]


def test_parks_a_failed_flow_and_resumes_it_where_it_failed(
    make_cloud: MakeCloud,
) -> None:
    """A permanent failure parks with its reason; resume runs only the open steps."""
    cloud = make_cloud(main=["a", "b", "c"])
    broken = True

    def fail_while_broken() -> None:
        if broken:
            raise PermanentError("do it", why="it is s3cr3t", todo="Fix it.")

    cloud.flows.actions["b"] = fail_while_broken
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "parked")
        flow_run = cloud.store.flow_runs_of(uuid)[0]
        assert flow_run.reason == "b: do it: it is ***. Fix it."
        broken = False
        assert cloud.journal.resume(uuid) == [flow_run.uuid]
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do a", "do b", "do b", "do c"]


def test_an_unexpected_exception_of_a_step_parks_the_flow(
    make_cloud: MakeCloud,
) -> None:
    """It is named by type and place; its text, a secret maybe, is stored nowhere."""
    cloud = make_cloud(main=["a"])
    empty: dict[str, str] = {}
    cloud.flows.actions["a"] = lambda: empty["hunter2-of-nobody"]
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "parked")
    assert "unexpected KeyError" in str(cloud.store.flow_runs_of(uuid)[0].reason)
    with cloud.database.read() as connection:
        rows = connection.execute(schema.atomdetails.select()).all()
    assert "unexpected KeyError" in str(rows)
    assert "hunter2" not in str(rows)


def test_what_led_to_a_failure_is_not_stored(make_cloud: MakeCloud) -> None:
    """The causes of an error of ours are a library's words."""

    def fail() -> None:
        try:
            raise ValueError("hunter2-of-nobody")
        except ValueError as exc:
            raise PermanentError("do it", why="refused") from exc

    cloud = make_cloud(main=["a"])
    cloud.flows.actions["a"] = fail
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "parked")
    with cloud.database.read() as connection:
        rows = connection.execute(schema.atomdetails.select()).all()
    assert "do it: refused" in str(rows)
    assert "hunter2" not in str(rows)


def test_reverts_what_was_done_when_asked(make_cloud: MakeCloud) -> None:
    """With on_failure=revert, only completed steps are undone, in reverse order."""
    cloud = make_cloud(main=["a", "b", "c"], later=["d"])

    def fail() -> None:
        raise TransientError("do it", why="never")

    cloud.flows.actions["c"] = fail
    uuid = cloud.post(
        [NewFlowRun("main", 0), NewFlowRun("later", 1)], on_failure="revert"
    )
    with cloud.running():
        cloud.wait_for(uuid, "reverted", "cancelled")
    assert cloud.ledger == ["do a", "do b", "do c", "undo b", "undo a"]
    assert cloud.job_creation.unfinished() is None
    assert cloud.store.flow_runs_of(uuid)[0].reason == "c: do it: never"


def test_stop_ends_between_two_steps_and_another_goes_on(make_cloud: MakeCloud) -> None:
    """A stopping conductor ends its step and gives the flow back; none is run twice."""
    cloud = make_cloud(main=["a", "b", "c"])
    in_step, go_on = threading.Event(), threading.Event()

    def block() -> None:
        in_step.set()
        assert go_on.wait(30)

    cloud.flows.actions["b"] = block
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running("one") as conductor:
        assert in_step.wait(30)
        conductor.stop()
        go_on.set()
    assert cloud.states(uuid) == ["ready"]
    assert cloud.ledger == ["do a", "do b"]
    with cloud.running("two"):
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do a", "do b", "do c"]


def test_a_cancelled_flow_is_fenced(make_cloud: MakeCloud) -> None:
    """After a cancel, a running flow makes no further write and no further step."""
    cloud = make_cloud(main=["a", "b"])
    in_step, go_on = threading.Event(), threading.Event()

    def block() -> None:
        in_step.set()
        assert go_on.wait(30)

    cloud.flows.actions["a"] = block
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running() as conductor:
        assert in_step.wait(30)
        cloud.journal.cancel(uuid)
        go_on.set()
        wait_until(lambda: conductor.is_idle, what="the conductor lets it go")
    assert cloud.states(uuid) == ["cancelled"]
    assert cloud.ledger == ["do a"]


def test_leaves_a_flow_it_does_not_know_to_others(make_cloud: MakeCloud) -> None:
    """A flow that is unknown, or has another shape, stays ready for others."""
    cloud = make_cloud(main=["a"], other=["b"])
    uuid = cloud.post([NewFlowRun("main", 0), NewFlowRun("other", 0)])
    steps = dict(cloud.flows.steps)
    cloud.flows.steps = {"main": ["a", "more"]}
    with cloud.running("one"):
        wait_until(
            lambda: [e.kind for _, e in cloud.store.events(uuid)].count("refused") > 1,
            what="both are refused",
        )
    assert cloud.states(uuid) == [FlowState.READY, FlowState.READY]
    cloud.flows.steps = steps
    with cloud.running("two"):
        cloud.wait_for(uuid, "done")
    assert sorted(cloud.ledger) == ["do a", "do b"]


def test_an_interrupted_step_is_begun_again_and_counted(make_cloud: MakeCloud) -> None:
    """A step that a dead conductor left RUNNING is run again, and counts two runs."""
    cloud = make_cloud(main=["a", "b"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    in_step, go_on = threading.Event(), threading.Event()

    def block() -> None:
        if not in_step.is_set():
            in_step.set()
            assert go_on.wait(30)

    cloud.flows.actions["b"] = block
    with cloud.running("one"):
        assert in_step.wait(30)
        # As if "one" had died here: its epoch is over, and the flow is open.
        flow_run = cloud.store.flow_runs_of(uuid)[0]
        assert cloud.journal.take(flow_run.uuid) is not None
        go_on.set()
        cloud.wait_for(uuid, "done")
    flow_run = cloud.store.flow_runs_of(uuid)[0]
    steps = cloud.store.steps(flow_run, cloud.store.atom_names(flow_run))
    assert [(step.name, step.runs) for step in steps] == [("a", 1), ("b", 2)]
    assert cloud.ledger == ["do a", "do b", "do b"]


def test_a_failed_undo_is_parked_and_tried_again_on_resume(
    make_cloud: MakeCloud,
) -> None:
    """A step that can't be undone parks the flow; resume undoes the remaining ones."""
    cloud = make_cloud(main=["a", "b", "c"])
    broken = True

    def fail() -> None:
        raise PermanentError("do it", why="never")

    def fail_to_undo() -> None:
        if broken:
            raise PermanentError("undo it", why="not yet")

    cloud.flows.actions["c"] = fail
    cloud.flows.undos["a"] = fail_to_undo
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "parked")
        assert cloud.store.flow_runs_of(uuid)[0].reason == "undo a: undo it: not yet"
        broken = False
        cloud.journal.resume(uuid)
        cloud.wait_for(uuid, "reverted")
    undone = [entry for entry in cloud.ledger if entry.startswith("undo")]
    assert undone == ["undo b", "undo a", "undo a"]


def test_a_conductor_without_its_claim_takes_nothing(make_cloud: MakeCloud) -> None:
    """A conductor that was paused before take() doesn't fence the new holder."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    flow_run = cloud.store.flow_runs_of(uuid)[0]
    holder = cloud.journal.take(flow_run.uuid)

    def lost() -> None:
        raise FencedError("go on with the flow", why="its claim has expired")

    with pytest.raises(FencedError):
        cloud.journal.take(flow_run.uuid, lost)
    assert cloud.store.flow_runs_of(uuid) == [holder]


def test_cancel_stops_a_running_step(make_cloud: MakeCloud) -> None:
    """A running step is cancelled soon, not only at its next write."""
    cloud = make_cloud(main=["a", "b"])
    begun = threading.Event()
    cancellations: list[bool] = []

    def wait_for_the_end() -> None:
        cancelled = cloud.contexts.made["cancelled"]
        begun.set()
        cancellations.append(cancelled.wait(30))

    cloud.flows.actions["a"] = wait_for_the_end
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running() as conductor:
        assert begun.wait(30)
        cloud.journal.cancel(uuid)
        wait_until(lambda: conductor.is_idle, what="the conductor lets it go")
    assert cancellations == [True]
    assert cloud.ledger == ["do a"]


def test_a_step_that_does_not_stop_is_abandoned(
    make_cloud: MakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the grace period its claim is released, and another conductor runs it."""
    monkeypatch.setattr(workers, "_LAST_SECONDS", 0.1)
    cloud = make_cloud(main=["a"])
    begun, end = threading.Event(), threading.Event()

    def go_on() -> None:
        if not begun.is_set():
            begun.set()
            assert end.wait(60)

    cloud.flows.actions["a"] = go_on
    uuid = cloud.post([NewFlowRun("main", 0)])
    hasty = dataclasses.replace(SETTINGS, grace_period=0.1, expiry=600.0)
    try:
        with cloud.running("one", hasty) as conductor:
            assert begun.wait(30)
            conductor.stop()
        with cloud.running("two", dataclasses.replace(SETTINGS, expiry=600.0)):
            cloud.wait_for(uuid, "done")
    finally:
        end.set()
    assert cloud.ledger == ["do a", "do a"]


def test_an_interrupted_step_gets_no_grace(make_cloud: MakeCloud) -> None:
    """An interruption before the conductor waits for its steps ends the grace, too."""
    cloud = make_cloud(main=["a"])
    begun = threading.Event()

    def wait_for_the_interruption() -> None:
        cancelled = cloud.contexts.made["cancelled"]
        begun.set()
        assert cancelled.wait(30)
        raise CancelledError("do it", why="the conductor stops")

    cloud.flows.actions["a"] = wait_for_the_interruption
    uuid = cloud.post([NewFlowRun("main", 0)])
    patient = dataclasses.replace(SETTINGS, grace_period=300.0)
    with cloud.running("one", patient) as conductor:
        assert begun.wait(30)
        conductor.stop_now()
    assert cloud.states(uuid) == ["ready"]
