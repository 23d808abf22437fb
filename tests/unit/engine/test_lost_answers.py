# SPDX-License-Identifier: Apache-2.0
"""A transaction is written once, even if the answer to its commit is lost."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.errors import PermanentError
from tests.unit.engine.toys import Cloud, lose_answers

MakeCloud = Callable[..., Cloud]


def _history(cloud: Cloud, uuid: str) -> list[str]:
    events = [event for _, event in cloud.store.events(uuid)]
    return [
        f"{event.atom} {event.message}" if event.atom else event.kind
        for event in events
    ]


def test_each_step_and_each_end_is_recorded_once(
    make_cloud: MakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history has one event for each state of each step."""
    cloud = make_cloud(main=["a", "b"])
    lose_answers(cloud, monkeypatch)
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "done")
    flow_run = cloud.store.flow_runs_of(uuid)[0]
    assert [step.runs for step in cloud.store.steps(flow_run, ["a", "b"])] == [1, 1]
    assert _history(cloud, uuid)[-5:] == [
        *(f"{name} {state}" for name in "ab" for state in ("RUNNING", "SUCCESS")),
        "done",
    ]


def test_each_step_of_a_revert_is_recorded_once(
    make_cloud: MakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event is there twice, neither of a run nor of its undoing."""

    def fail() -> None:
        raise PermanentError("go on", why="the test says so")

    cloud = make_cloud(main=["a", "b"])
    cloud.flows.actions["b"] = fail
    lose_answers(cloud, monkeypatch)
    uuid = cloud.post([NewFlowRun("main", 0)], on_failure="revert")
    with cloud.running():
        cloud.wait_for(uuid, "reverted")
    history = _history(cloud, uuid)
    assert len(set(history[1:])) == len(history[1:]), history
