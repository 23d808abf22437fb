# SPDX-License-Identifier: Apache-2.0
"""A step that takes too long is asked to stop, then left behind; its flow is parked."""

import dataclasses
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import FlowRun, NewFlowRun
from amphv2_bootstrap.engine.step_limits import StepLimits
from amphv2_bootstrap.errors import CancelledError
from tests.servers.process import wait_until
from tests.unit.engine.toys import SETTINGS, Cloud

MakeCloud = Callable[..., Cloud]

# A step with this limit is late at once: what a test waits for is the conductor.
NO_TIME = 1e-6
HASTY = dataclasses.replace(SETTINGS, steps=StepLimits(grace=NO_TIME))


class Hanging:
    """What a step does that waits for something which doesn't come."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.released = threading.Event()

    def __call__(self) -> None:
        self.began.set()
        self.released.wait()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.released.set()


def _flow_run(cloud: Cloud, uuid: str) -> FlowRun:
    (flow_run,) = cloud.store.flow_runs_of(uuid)
    return flow_run


def _thread_of(flow_run: FlowRun) -> list[threading.Thread]:
    name = f"flow_{flow_run.uuid[:8]}"
    return [thread for thread in threading.enumerate() if thread.name == name]


def _until_cancelled(cloud: Cloud, then: Callable[[], Any]) -> Callable[[], Any]:
    def wait() -> Any:
        cloud.contexts.made["cancelled"].wait()
        return then()

    return wait


def test_a_step_that_stops_when_asked_to_parks_its_flow(make_cloud: MakeCloud) -> None:
    """The reason says which step, how long it may take, and that it has stopped."""
    cloud = make_cloud(main=["a", "b"])

    def stop() -> None:
        raise CancelledError("wait", why="asked to stop")

    cloud.flows.actions["a"] = _until_cancelled(cloud, stop)
    cloud.flows.time_limits["a"] = NO_TIME
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "parked")
    reason = _flow_run(cloud, uuid).reason
    assert reason == "a: it did not end within 1e-06 s, and stopped when asked to"
    assert cloud.ledger == ["do a"]


def test_a_program_that_is_stopped_does_not_hold_its_step(
    make_cloud: MakeCloud,
) -> None:
    """It answers no signal but SIGKILL; the step that runs it ends, and parks."""
    cloud = make_cloud(main=["a"])

    def run_stopped_program() -> None:
        program = ("sh", "-c", "kill -STOP $$")
        commands.run(program, timeout=3600, cancelled=cloud.contexts.made["cancelled"])

    cloud.flows.actions["a"] = run_stopped_program
    cloud.flows.time_limits["a"] = NO_TIME
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "parked")
    assert "stopped when asked to" in str(_flow_run(cloud, uuid).reason)


def test_a_server_that_says_nothing_does_not_hold_its_flow(
    make_cloud: MakeCloud,
) -> None:
    """A library waits for its answer for ever, and nothing can interrupt it."""
    cloud = make_cloud(main=["a"])
    ours, server = socket.socketpair()
    with server, ours:
        cloud.flows.actions["a"] = lambda: ours.recv(1).decode()
        cloud.flows.time_limits["a"] = NO_TIME
        uuid = cloud.post([NewFlowRun("main", 0)])
        with cloud.running(settings=HASTY):
            cloud.wait_for(uuid, "parked")
        server.send(b"!")
        flow_run = _flow_run(cloud, uuid)
        wait_until(lambda: not _thread_of(flow_run), what="its thread has ended")
    assert "was left behind" in str(flow_run.reason)


def test_a_step_that_is_done_after_all_is_not_run_again(make_cloud: MakeCloud) -> None:
    """Its end counts, and the flow goes on under a new claim."""
    cloud = make_cloud(main=["a", "b"])
    done = threading.Event()
    cloud.flows.actions["a"] = _until_cancelled(cloud, done.set)
    cloud.flows.time_limits["a"] = NO_TIME
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        assert done.wait(60)
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do a", "do b"]


def test_a_step_that_hangs_is_left_behind(
    make_cloud: MakeCloud, hanging: Hanging
) -> None:
    """Its flow is parked, and the conductor carries out other flows, and can stop."""
    cloud = make_cloud(main=["a", "b"], other=["c"])
    cloud.flows.actions["a"] = hanging
    cloud.flows.time_limits["a"] = NO_TIME
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running(settings=dataclasses.replace(HASTY, concurrency=1)):
        cloud.wait_for(uuid, "parked")
        cloud.journal.cancel(uuid)
        other = cloud.post([NewFlowRun("other", 0)])
        cloud.wait_for(other, "done")
    assert cloud.ledger == ["do a", "do c"]


def test_what_was_left_behind_writes_nothing_more(
    make_cloud: MakeCloud, hanging: Hanging
) -> None:
    """When it ends at last, neither its end nor a next step is recorded."""
    cloud = make_cloud(main=["a", "b"])
    refused: list[str] = []

    def release_when_released() -> None:
        hanging()
        try:
            cloud.contexts.made["release"]("main")
        except FencedError as exc:
            refused.append(str(exc))

    cloud.flows.actions["a"] = release_when_released
    cloud.flows.time_limits["a"] = NO_TIME
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running(settings=HASTY):
        cloud.wait_for(uuid, "parked")
        before = _flow_run(cloud, uuid)
        hanging.released.set()
        wait_until(lambda: not _thread_of(before), what="its thread has ended")
    assert len(refused) == 1
    assert _flow_run(cloud, uuid) == before
    (step, _) = cloud.store.steps(before, ["a", "b"])
    assert step.state == "RUNNING"
    assert cloud.ledger == ["do a"]


def test_a_flow_is_not_begun_beside_its_hanging_step(
    make_cloud: MakeCloud, hanging: Hanging
) -> None:
    """Its own conductor refuses it until the step has ended; another one takes it."""
    cloud = make_cloud(main=["a"])
    cloud.flows.actions["a"] = hanging
    cloud.flows.time_limits["a"] = NO_TIME
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running(settings=HASTY):
        cloud.wait_for(uuid, "parked")
        assert "left behind" in str(_flow_run(cloud, uuid).reason)
        cloud.flows.actions["a"] = lambda: None
        cloud.journal.resume(uuid)
        text = "Restart amphv2-conductor"
        wait_until(lambda: text in _refusals(cloud, uuid), what="it is refused")
        assert cloud.states(uuid) == ["ready"]
        with cloud.running("two"):
            cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do a", "do a"]


def _refusals(cloud: Cloud, uuid: str) -> str:
    events = [event for _, event in cloud.store.events(uuid)]
    return " ".join(str(event.message) for event in events if event.kind == "refused")
