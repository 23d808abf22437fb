# SPDX-License-Identifier: Apache-2.0
"""Leaving a host out of a job."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.records import FlowState, NewFlowRun, overall_state
from amphv2_bootstrap.engine.storage.control.skipping import skip
from amphv2_bootstrap.errors import ConflictError, NotFoundError
from tests.unit.engine.rolling import HOSTS, come_alive, events, on, post, take
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> Cloud:
    return make_cloud(host=["a"], last=["b"])


@pytest.mark.parametrize("state", ["waiting", "ready", "parked"])
def test_the_job_is_done_without_the_host(state: str, cloud: Cloud) -> None:
    """Whether it has begun or not, the others go on, and so does the next stage."""
    hosts = [NewFlowRun("host", 0, host, "", 1) for host in HOSTS]
    uuid = cloud.post([*hosts, NewFlowRun("last", 1)])
    come_alive(cloud, *HOSTS)
    if state != "waiting":
        cloud.journal.make_good(uuid)
    if state == "parked":
        cloud.journal.settle(take(cloud, uuid, "one"), FlowState.PARKED, "broken")
    assert on(cloud, uuid, "one").state == state
    assert skip(cloud.journal, uuid, "one") == [on(cloud, uuid, "one").uuid]
    assert skip(cloud.journal, uuid, "one") == []
    assert cloud.states(uuid) == ["skipped", "ready", "waiting", "waiting"]
    for host in HOSTS[1:]:
        cloud.journal.settle(take(cloud, uuid, host), FlowState.DONE)
    (*_, last) = cloud.store.flow_runs_of(uuid)
    assert last.state is FlowState.READY
    run = cloud.journal.take(last.uuid)
    assert run is not None
    cloud.journal.settle(run, FlowState.DONE)
    assert cloud.store.job(uuid).finished_at is not None
    states = [run.state for run in cloud.store.flow_runs_of(uuid)]
    assert overall_state(states) == "done"
    assert [kind for kind, _ in events(cloud, uuid)].count("skipped") == 1
    assert skip(cloud.journal, uuid, "one") == []


def test_what_cannot_be_skipped_is_refused(cloud: Cloud) -> None:
    """A flow that runs, one that is done, and a host that is not in the job."""
    uuid = post(cloud)
    come_alive(cloud, *HOSTS)
    cloud.journal.make_good(uuid)
    run = take(cloud, uuid, "one")
    with pytest.raises(
        ConflictError, match=r"tester:1.* is carrying the flow out"
    ) as e:
        skip(cloud.journal, uuid, "one")
    assert f"job cancel {uuid} --host one" in e.value.todo
    with pytest.raises(NotFoundError, match="Choose from one, two, three"):
        skip(cloud.journal, uuid, "four")
    cloud.journal.settle(run, FlowState.DONE)
    with pytest.raises(ConflictError, match="host/one is done"):
        skip(cloud.journal, uuid, "one")
    assert cloud.states(uuid) == ["done", "ready", "waiting"]
