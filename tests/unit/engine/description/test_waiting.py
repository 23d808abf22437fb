# SPDX-License-Identifier: Apache-2.0
"""For whom a waiting flow waits, in words."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage.control.pausing import pause
from tests.unit.engine.rolling import come_alive, on, post, take
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> Cloud:
    return make_cloud(host=["a"], first=["b"])


def _waits(cloud: Cloud, uuid: str, host: str) -> str | None:
    flows = describe(cloud.store, cloud.store.job(uuid))["flows"]
    text: str | None = next(flow["waits_for"] for flow in flows if flow["host"] == host)
    return text


def test_it_waits_for_its_turn(cloud: Cloud) -> None:
    """For those that are under way, or for one that failed."""
    uuid = post(cloud)
    come_alive(cloud, "one", "two")
    assert _waits(cloud, uuid, "one") == "its release, which comes next"
    cloud.journal.make_good(uuid)
    assert _waits(cloud, uuid, "one") is None
    wanted = "the flow host/one, which is ready: 1 at a time"
    assert _waits(cloud, uuid, "two") == wanted
    assert _waits(cloud, uuid, "three") == "a conductor on three: none is alive there"
    cloud.journal.settle(take(cloud, uuid, "one"), FlowState.PARKED, "broken")
    assert _waits(cloud, uuid, "two") == (
        "the flow host/one, which is parked: after a failure no other one begins"
    )


def test_it_waits_for_an_earlier_stage(cloud: Cloud) -> None:
    """The flows that hold it up are named with their states."""
    later = NewFlowRun("host", 1, "one", "", 1)
    uuid = cloud.post([NewFlowRun("first", 0), later])
    assert _waits(cloud, uuid, "one") == "the flow first, which is ready"


def test_it_waits_for_the_end_of_a_pause(cloud: Cloud) -> None:
    """The report says who has paused the job, and since when."""
    uuid = post(cloud)
    come_alive(cloud, "one")
    pause(cloud.journal, uuid, "root@two")
    assert _waits(cloud, uuid, "one") == "'job unpause': root@two has paused the job"
    report = describe(cloud.store, cloud.store.job(uuid))
    assert report["paused_by"] == "root@two"
    assert report["paused_at"].endswith("Z")


def test_a_lost_host_keeps_its_turn(cloud: Cloud) -> None:
    """The report of its flow says so, and what gives the turn up."""
    uuid = post(cloud)
    come_alive(cloud, "one")
    cloud.journal.make_good(uuid)
    take(cloud, uuid, "one")  # by a conductor that isn't alive
    text = _waits(cloud, uuid, "one")
    assert text is not None
    assert "keeps its turn" in text
    assert text.endswith(f"job cancel {uuid} --host one")
    assert on(cloud, uuid, "two").state is FlowState.WAITING
