# SPDX-License-Identifier: Apache-2.0
"""The pause of a job."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage.control.pausing import pause, unpause
from amphv2_bootstrap.errors import ConflictError
from tests.unit.engine.rolling import HOSTS, come_alive, events, post, take
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


def test_what_runs_goes_on_and_nothing_else_begins(make_cloud: MakeCloud) -> None:
    """Neither the next host nor one that was released; unpaused, it goes on."""
    cloud = make_cloud(host=["a"])
    uuid = post(cloud, at_once=2)
    come_alive(cloud, *HOSTS)
    cloud.journal.make_good(uuid)
    run = take(cloud, uuid, "one")
    assert cloud.states(uuid) == ["running", "ready", "waiting"]
    assert pause(cloud.journal, uuid, "root@one")
    assert cloud.states(uuid) == ["running", "waiting", "waiting"]
    cloud.journal.settle(run, FlowState.DONE)
    cloud.journal.make_good(uuid)
    assert cloud.states(uuid) == ["done", "waiting", "waiting"]
    assert unpause(cloud.journal, uuid, "root@two")
    assert cloud.states(uuid) == ["done", "ready", "ready"]
    told = [event for event in events(cloud, uuid) if "paused" in event[0]]
    assert told == [("paused", "root@one"), ("unpaused", "root@two")]


def test_a_step_releases_nothing_in_a_pause(make_cloud: MakeCloud) -> None:
    """The flow of the step goes on to its end; the others begin after the pause."""
    cloud = make_cloud(first=["a"], host=["b"])
    hosts = [NewFlowRun("host", 1, host, "", 1) for host in HOSTS]
    uuid = cloud.post([NewFlowRun("first", 0), *hosts])
    come_alive(cloud, *HOSTS)
    run = cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert run is not None
    pause(cloud.journal, uuid, "root@one")
    assert cloud.journal.release_stage(run, "host") == list(HOSTS)
    assert cloud.states(uuid) == ["running", *["waiting"] * 3]
    cloud.journal.settle(run, FlowState.DONE)
    unpause(cloud.journal, uuid, "root@one")
    assert cloud.states(uuid) == ["done", "ready", "waiting", "waiting"]


def test_a_flow_that_is_given_back_waits(make_cloud: MakeCloud) -> None:
    """It keeps its turn: its host's Octavia may be out."""
    cloud = make_cloud(host=["a"])
    uuid = post(cloud)
    come_alive(cloud, *HOSTS)
    cloud.journal.make_good(uuid)
    run = take(cloud, uuid, "one")
    pause(cloud.journal, uuid, "root@one")
    cloud.journal.settle(run, FlowState.READY)
    assert cloud.states(uuid) == ["waiting"] * 3
    unpause(cloud.journal, uuid, "root@one")
    assert cloud.states(uuid) == ["ready", "waiting", "waiting"]


def test_a_job_without_a_limit_is_paused(make_cloud: MakeCloud) -> None:
    """The flow of the cloud waits, too, and so does what is resumed."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    pause(cloud.journal, uuid, "root@one")
    assert cloud.states(uuid) == ["waiting"]
    assert cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid) is None
    unpause(cloud.journal, uuid, "root@one")
    assert cloud.states(uuid) == ["ready"]


def test_twice_is_like_once(make_cloud: MakeCloud) -> None:
    """The second pause changes nothing, not even who paused it; nor does the end."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    assert not unpause(cloud.journal, uuid, "root@one")
    assert pause(cloud.journal, uuid, "root@one")
    before = cloud.store.job(uuid)
    assert not pause(cloud.journal, uuid, "root@two")
    assert cloud.store.job(uuid) == before
    assert before.paused_by == "root@one"
    cloud.journal.cancel(uuid)
    assert cloud.store.job(uuid).paused_at is None
    assert not unpause(cloud.journal, uuid, "root@one")
    with pytest.raises(ConflictError, match="it has ended"):
        pause(cloud.journal, uuid, "root@one")
