# SPDX-License-Identifier: Apache-2.0
"""What a step is about to make is known to each later run of its flow."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from taskflow import task
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.errors import PermanentError
from tests.servers.process import wait_until
from tests.unit.engine.toys import Cloud, Ledger, lose_answers

Run = Callable[["Maker"], None]


class Maker(task.Task):
    """A step with intents that calls ``run`` of its flows."""

    def __init__(self, name: str, flows: "Flows") -> None:
        super().__init__(name=name)
        self.intents: Any = None
        self.confirm_claim: Any = None
        self._flows = flows

    def execute(self) -> dict[str, Any]:
        self._flows.run(self)
        return {"effect": "changed", "summary": ""}

    def revert(self, **_: Any) -> None:
        self._flows.undo()
        self._flows.undone.append(self.intents.all())


@dataclass
class Flows:
    """One flow of two such steps."""

    run: Run
    undo: Callable[[], None] = lambda: None
    ledger: Ledger = field(default_factory=Ledger)
    undone: list[tuple[str, ...]] = field(default_factory=list)

    def factory(self, _name: str) -> Callable[[Any], linear_flow.Flow]:
        return lambda _: linear_flow.Flow("main").add(
            Maker("one", self), Maker("two", self)
        )


@pytest.fixture
def flows() -> Flows:
    return Flows(lambda _: None)


def test_a_failed_step_is_undone_by_its_intents(cloud: Cloud, flows: Flows) -> None:
    """Each step gets its own intents, in their order, without the removed ones."""

    def run(step: Maker) -> None:
        for name in ("a", "b", "c"):
            step.intents.add(f"{step.name}:{name}")
        step.intents.remove(f"{step.name}:b")
        if step.name == "two":
            raise PermanentError("go on")

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "reverted")
    assert flows.undone == [("two:a", "two:c"), ("one:a", "one:c")]


def test_another_conductor_knows_what_was_begun(cloud: Cloud, flows: Flows) -> None:
    """A new conductor also gets what the former one added just before its end."""
    begun, go_on, seen = threading.Event(), threading.Event(), list[Any]()

    def run(step: Maker) -> None:
        seen.append((step.name, step.intents.all()))
        if not begun.is_set():
            step.intents.add("thing")
            begun.set()
            assert go_on.wait(30)

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running("one"):
        assert begun.wait(30)
        # As if "one" had died here: its epoch is over, and the flow is open.
        assert cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid) is not None
        go_on.set()
        cloud.wait_for(uuid, "done")
    assert seen == [("one", ()), ("one", ("thing",)), ("two", ())]


def test_an_intent_is_noted_once(
    cloud: Cloud, flows: Flows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intent has one event, even if the answer to its commit is lost."""

    def run(step: Maker) -> None:
        step.intents.add(f"thing of {step.name}")
        step.intents.remove(f"thing of {step.name}")
        step.intents.add(f"thing of {step.name}")

    flows.run = run
    lose_answers(cloud, monkeypatch)
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    events = [event for _, event in cloud.store.events(uuid) if event.atom == "one"]
    assert [event.kind for event in events] == [
        "task",
        *("intends", "retracts", "intends"),
        "task",
    ]


def test_an_intent_is_fenced(cloud: Cloud, flows: Flows) -> None:
    """A conductor that lost its flow gets an error before the step makes more."""
    begun, go_on, refused = threading.Event(), threading.Event(), threading.Event()

    def run(step: Maker) -> None:
        begun.set()
        assert go_on.wait(30)
        try:
            step.intents.add("thing")
        except FencedError:
            refused.set()
            raise

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running() as conductor:
        assert begun.wait(30)
        cloud.journal.cancel(uuid)
        go_on.set()
        assert refused.wait(30)
        wait_until(lambda: conductor.is_idle, what="the conductor lets it go")
    assert "intends" not in [event.kind for _, event in cloud.store.events(uuid)]


def test_a_failed_step_that_cannot_be_undone_is_tried_again(
    cloud: Cloud, flows: Flows
) -> None:
    """A failed revert parks the flow; after a resume, its intents are still known."""

    def run(step: Maker) -> None:
        step.intents.add(step.name)
        if step.name == "two":
            raise PermanentError("go on")

    def refuse() -> None:
        raise PermanentError("undo it", why="not yet")

    flows.run, flows.undo = run, refuse
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "parked")
        flows.undo = lambda: None
        cloud.journal.resume(uuid)
        cloud.wait_for(uuid, "reverted")
    assert flows.undone == [("two",), ("one",)]


def test_a_superseded_conductor_cannot_confirm_its_claim(
    cloud: Cloud, flows: Flows
) -> None:
    """Before a step does what no server fences, its conductor must hold the flow."""
    outcomes: list[str] = []

    def run(step: Maker) -> None:
        step.confirm_claim("do it")
        uuid = cloud.store.live_flow_runs()[0].uuid
        if not outcomes:
            assert cloud.journal.take(uuid) is not None
        try:
            step.confirm_claim("do it again")
        except FencedError:
            outcomes.append("refused")
            raise
        outcomes.append("done")

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert outcomes == ["refused", "done", "done"]
    noted = [e.message for _, e in cloud.store.events(uuid) if e.kind == "begins"]
    assert noted == ["do it", *["do it", "do it again"] * 2]
