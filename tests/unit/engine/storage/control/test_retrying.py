# SPDX-License-Identifier: Apache-2.0
"""Running the steps of a flow again."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage.control.retrying import retry
from amphv2_bootstrap.errors import ConflictError, NotFoundError, PermanentError
from tests.unit.engine.rolling import come_alive, on, post, take
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


def test_the_steps_from_there_run_again(make_cloud: MakeCloud) -> None:
    """A flow that is done and one that is parked; the steps before do not."""
    cloud = make_cloud(main=["a", "b", "c"], last=["d"])
    broken = [True]

    def fail_once() -> None:
        if broken:
            broken.pop()
            raise PermanentError("break", why="as the test wants it")

    cloud.flows.actions["d"] = fail_once
    uuid = cloud.post([NewFlowRun("main", 0), NewFlowRun("last", 1)])
    with cloud.running():
        cloud.wait_for(uuid, "done", "parked")
        retry(cloud.journal, uuid, "main", None, "b")
        cloud.wait_for(uuid, "done", "parked")
        retry(cloud.journal, uuid, "last", None, "d")
        cloud.wait_for(uuid, "done")
    steps = [entry.removeprefix("do ") for entry in cloud.ledger]
    assert steps == ["a", "b", "c", "d", "b", "c", "d"]


def test_a_host_that_was_done_takes_its_turn_anew(make_cloud: MakeCloud) -> None:
    """The limit holds: it waits while another one is under way."""
    cloud = make_cloud(host=["a", "b"])
    uuid = post(cloud, ["one", "two"])
    come_alive(cloud, "one", "two")
    cloud.journal.make_good(uuid)
    cloud.journal.settle(take(cloud, uuid, "one"), FlowState.DONE)
    run = take(cloud, uuid, "two")
    retry(cloud.journal, uuid, "host", "one", "a")
    assert cloud.states(uuid) == ["waiting", "running"]
    cloud.journal.settle(run, FlowState.DONE)
    assert cloud.states(uuid) == ["ready", "done"]


def test_what_cannot_be_run_again_is_refused(make_cloud: MakeCloud) -> None:
    """Each refusal says why, and names what there is to choose from."""
    cloud = make_cloud(host=["a", "b"])
    uuid = post(cloud, ["one", "two"], at_once=2)
    come_alive(cloud, "one", "two")
    cloud.journal.make_good(uuid)
    take(cloud, uuid, "one")
    with pytest.raises(NotFoundError, match="Choose from a, b"):
        retry(cloud.journal, uuid, "host", "two", "c")
    with pytest.raises(NotFoundError, match=r"several hosts .* host/one, host/two"):
        retry(cloud.journal, uuid, "host", None, "a")
    with pytest.raises(NotFoundError, match="no such flow"):
        retry(cloud.journal, uuid, "cloud", None, "a")
    with pytest.raises(ConflictError, match="is carrying it out"):
        retry(cloud.journal, uuid, "host", "one", "a")
    assert cloud.states(uuid) == ["running", "ready"]
    cloud.journal.cancel(uuid, "two")
    with pytest.raises(ConflictError, match="it is cancelled"):
        retry(cloud.journal, uuid, "host", "two", "a")
    cloud.journal.cancel(uuid)
    with pytest.raises(ConflictError, match="the job has ended"):
        retry(cloud.journal, uuid, "host", "one", "a")
    assert on(cloud, uuid, "one").state is FlowState.CANCELLED
