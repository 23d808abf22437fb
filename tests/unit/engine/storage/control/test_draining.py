# SPDX-License-Identifier: Apache-2.0
"""Drained hosts, in the database and in words."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage.control.draining import drain, undrain
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.errors import ConflictError
from tests.unit.engine.rolling import come_alive, events, on, post, take
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]
WHO = "root@two"


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> Cloud:
    return make_cloud(host=["a"], first=["b"])


def _waits(cloud: Cloud, uuid: str, host: str | None) -> str | None:
    flows = describe(cloud.store, cloud.store.job(uuid))["flows"]
    text: str | None = next(flow["waits_for"] for flow in flows if flow["host"] == host)
    return text


def _journal(cloud: Cloud, host: str) -> Journal:
    """Of a conductor of that host."""
    return Journal(cloud.database, f"{host}:1:m.k:1-a")


def test_its_turn_goes_to_others(cloud: Cloud) -> None:
    """A drained host gives up the turn that it hasn't begun, and gets it back."""
    uuid = post(cloud)
    come_alive(cloud, "one", "two")
    cloud.journal.make_good(uuid)
    assert drain(cloud.journal, "one", WHO)
    assert cloud.states(uuid) == ["waiting", "ready", "waiting"]
    wanted = "'conductor undrain one': root@two has drained the host"
    assert _waits(cloud, uuid, "one") == wanted
    cloud.journal.settle(take(cloud, uuid, "two"), FlowState.DONE)
    assert cloud.states(uuid) == ["waiting", "done", "waiting"]
    assert undrain(cloud.journal, "one", WHO)
    assert cloud.states(uuid) == ["ready", "done", "waiting"]


def test_it_is_idempotent_and_persisted(cloud: Cloud) -> None:
    """A second call changes nothing; each change is an event of the unfinished job."""
    uuid = post(cloud)
    assert not undrain(cloud.journal, "one", WHO)
    assert drain(cloud.journal, "one", WHO)
    before = cloud.store.drains()
    assert not drain(cloud.journal, "one", "root@three")
    assert cloud.store.drains() == before
    assert before["one"].by == WHO
    assert undrain(cloud.journal, "one", WHO)
    assert not undrain(cloud.journal, "one", WHO)
    assert cloud.store.drains() == {}
    found = [each for each in events(cloud, uuid) if "drained" in each[0]]
    assert found == [("drained", f"one, by {WHO}"), ("undrained", f"one, by {WHO}")]


def test_it_needs_no_job(cloud: Cloud) -> None:
    """A host is drained also while there is no job."""
    assert drain(cloud.journal, "one", WHO)
    uuid = post(cloud)
    come_alive(cloud, "one", "two")
    cloud.journal.make_good(uuid)
    assert cloud.states(uuid) == ["waiting", "ready", "waiting"]


def test_a_claim_that_comes_too_late_is_refused(cloud: Cloud) -> None:
    """No flow is taken for a drained host; the flow that it holds goes on."""
    uuid = cloud.post([NewFlowRun("first", 0), NewFlowRun("host", 0, "one")])
    first, own = cloud.store.flow_runs_of(uuid)
    mine = _journal(cloud, "one")
    held = mine.take(first.uuid)
    assert held is not None
    drain(cloud.journal, "one", WHO)
    with pytest.raises(ConflictError, match="conductor undrain one"):
        mine.take(own.uuid)
    with pytest.raises(ConflictError):
        Journal(cloud.database, "one:2:m.k:1-b").take(first.uuid)
    again = mine.take(first.uuid)  # after an outage
    assert again is not None
    mine.settle(again, FlowState.DONE)
    assert cloud.states(uuid) == ["done", "ready"]
    assert on(cloud, uuid, "one").owner is None


def test_who_could_claim_is_drained(cloud: Cloud) -> None:
    """A flow for any host says so when all that are alive are drained."""
    uuid = cloud.post([NewFlowRun("first", 0)])
    come_alive(cloud, "one", "two")
    drain(cloud.journal, "one", WHO)
    assert _waits(cloud, uuid, None) is None
    drain(cloud.journal, "two", WHO)
    wanted = "a conductor: those that are alive (one, two) are drained"
    assert _waits(cloud, uuid, None) == wanted
