# SPDX-License-Identifier: Apache-2.0
"""The operator sees that a step is being tried again, since when, and why."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from taskflow import task
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import NewFlowRun, Step
from amphv2_bootstrap.errors import PermanentError
from tests.servers.process import wait_until
from tests.unit.engine.toys import Cloud, Ledger, lose_answers


class Retried(task.Task):
    """A step; ``run`` is what a run of it does."""

    def __init__(self, flows: "Flows") -> None:
        super().__init__(name="one")
        self.record_retry: Callable[[str], None] = print
        self._flows = flows

    def execute(self) -> dict[str, Any]:
        self._flows.run(self)
        return {"effect": "changed", "summary": ""}

    def revert(self, **_: Any) -> None:
        self._flows.undo(self)


@dataclass
class Flows:
    """One flow of that one step."""

    run: Callable[[Retried], None]
    undo: Callable[[Retried], None] = lambda _: None
    ledger: Ledger = field(default_factory=Ledger)

    def factory(self, _name: str) -> Callable[[Any], linear_flow.Flow]:
        return lambda _: linear_flow.Flow("main").add(Retried(self))


@pytest.fixture
def flows() -> Flows:
    return Flows(lambda _: None)


def _step(cloud: Cloud, uuid: str) -> Step:
    """The step as it is now."""
    (flow_run,) = cloud.store.flow_runs_of(uuid)
    (step,) = cloud.store.steps(flow_run, ["one"])
    return step


def _reasons(cloud: Cloud, uuid: str) -> list[str | None]:
    """What was recorded, in its order."""
    events = [event for _, event in cloud.store.events(uuid)]
    return [event.message for event in events if event.kind == "retrying"]


def test_a_step_that_is_tried_again_says_so_until_its_end(
    cloud: Cloud, flows: Flows
) -> None:
    """Since its first failure, with the newest reason; its state is the same."""
    seen: list[Step] = []

    def run(step: Retried) -> None:
        seen.append(_step(cloud, uuid))
        for reason in ("Redis is away", "Redis refuses s3cr3t"):
            step.record_retry(reason)
            seen.append(_step(cloud, uuid))

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    before, first, second = seen
    end = _step(cloud, uuid)
    assert [step.state for step in (*seen, end)] == [*["RUNNING"] * 3, "SUCCESS"]
    assert (before.retrying_since, before.retrying_why) == (None, None)
    assert first.retrying_why == "Redis is away"
    assert second.retrying_why == "Redis refuses ***"
    assert first.retrying_since == second.retrying_since is not None
    assert (end.retrying_since, end.retrying_why) == (None, None)
    assert (end.runs, end.started_at) == (1, before.started_at)
    assert end.finished_at is not None


def test_an_undoing_that_is_tried_again_says_so(cloud: Cloud, flows: Flows) -> None:
    """As the step itself does."""
    seen: list[Step] = []

    def run(step: Retried) -> None:
        step.record_retry("Redis is away")
        raise PermanentError("go on")

    def undo(step: Retried) -> None:
        seen.append(_step(cloud, uuid))
        step.record_retry("the database is away")
        seen.append(_step(cloud, uuid))

    flows.run, flows.undo = run, undo
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "reverted")
    assert [step.state for step in seen] == ["REVERTING"] * 2
    assert [step.retrying_why for step in seen] == [None, "the database is away"]


def test_a_long_outage_does_not_fill_the_table(cloud: Cloud, flows: Flows) -> None:
    """A reason is recorded once in a run of the step, and at most ten of them are."""

    def run(step: Retried) -> None:
        for number in range(40):
            step.record_retry(f"reason {number % 2}")
        for number in range(40):
            step.record_retry(f"reason {number}")

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert _reasons(cloud, uuid) == [f"reason {number}" for number in range(10)]


def test_a_lost_answer_records_a_reason_once(
    cloud: Cloud, flows: Flows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write is made again only if it isn't there, and the step's end, too."""

    def run(step: Retried) -> None:
        for reason in ("a", "b", "c"):
            step.record_retry(reason)

    flows.run = run
    lose_answers(cloud, monkeypatch)
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert _reasons(cloud, uuid) == ["a", "b", "c"]


def test_a_conductor_that_lost_the_job_is_stopped(cloud: Cloud, flows: Flows) -> None:
    """Recording is fenced: the job was cancelled, so the step isn't tried again.

    What was recorded before is not shown of a cancelled flow, where nothing runs.
    """
    begun, go_on, refused = threading.Event(), threading.Event(), threading.Event()

    def run(step: Retried) -> None:
        step.record_retry("Redis is away")
        begun.set()
        assert go_on.wait(30)
        try:
            step.record_retry("Redis refuses")
        except FencedError:
            refused.set()
            raise

    flows.run = run
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running() as conductor:
        assert begun.wait(30)
        assert _step(cloud, uuid).retrying_why == "Redis is away"
        cloud.journal.cancel(uuid)
        go_on.set()
        assert refused.wait(30)
        wait_until(lambda: conductor.is_idle, what="the conductor lets it go")
    assert _reasons(cloud, uuid) == ["Redis is away"]
    assert _step(cloud, uuid).retrying_why is None
