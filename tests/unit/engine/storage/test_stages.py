# SPDX-License-Identifier: Apache-2.0
"""Turns in the database: who begins, who waits, who begins nothing."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from tests.unit.engine.rolling import HOSTS, come_alive, events, on, post, take
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> Cloud:
    return make_cloud(host=["a", "b"], first=["c"])


def test_the_next_one_begins_when_one_is_done(cloud: Cloud) -> None:
    """One after the other, in their order, until the job is done."""
    uuid = post(cloud)
    assert cloud.states(uuid) == ["waiting"] * 3
    come_alive(cloud, *HOSTS)
    cloud.journal.make_good(uuid)
    for number, host in enumerate(HOSTS):
        after = len(HOSTS) - number - 1
        expected = [*["done"] * number, "ready", *["waiting"] * after]
        assert cloud.states(uuid) == expected
        assert not cloud.journal.is_behind(uuid)
        cloud.journal.settle(take(cloud, uuid, host), FlowState.DONE)
    assert cloud.store.job(uuid).finished_at is not None
    released = [message for kind, message in events(cloud, uuid) if kind == "released"]
    assert released == ["host/one", "host/two", "host/three"]


def test_a_host_that_is_away_lets_others_go_first(cloud: Cloud) -> None:
    """It gives up the turn that it had not begun, and gets one when it is back."""
    uuid = post(cloud)
    come_alive(cloud, "one", "two")
    cloud.journal.make_good(uuid)
    assert cloud.states(uuid) == ["ready", "waiting", "waiting"]
    _fall_silent(cloud, "one")
    cloud.journal.make_good(uuid)
    assert cloud.states(uuid) == ["waiting", "ready", "waiting"]
    assert ("held", "host/one") in events(cloud, uuid)
    cloud.journal.settle(take(cloud, uuid, "two"), FlowState.DONE)
    assert cloud.states(uuid) == ["waiting", "done", "waiting"]
    come_alive(cloud, "one")
    assert cloud.journal.is_behind(uuid)
    cloud.journal.make_good(uuid)
    assert cloud.states(uuid) == ["ready", "done", "waiting"]


def test_a_failure_stops_the_others(cloud: Cloud) -> None:
    """Those that have not begun wait until the failed one is resumed and done."""
    uuid = post(cloud, at_once=2)
    come_alive(cloud, *HOSTS)
    cloud.journal.make_good(uuid)
    assert cloud.states(uuid) == ["ready", "ready", "waiting"]
    cloud.journal.settle(take(cloud, uuid, "one"), FlowState.PARKED, "broken")
    assert cloud.states(uuid) == ["parked", "waiting", "waiting"]
    assert cloud.journal.resume(uuid) == [on(cloud, uuid, "one").uuid]
    assert cloud.states(uuid) == ["ready", "ready", "waiting"]


def test_one_that_was_released_out_of_turn_begins_nothing(cloud: Cloud) -> None:
    """Though all of them were released, only one runs; the others wait again."""
    uuid = post(cloud)
    table = schema.flow_runs
    with cloud.database.write() as connection:
        connection.execute(table.update().values(state="ready"))
    take(cloud, uuid, "two")
    for host in ("one", "three"):
        assert cloud.journal.take(on(cloud, uuid, host).uuid) is None
    assert cloud.states(uuid) == ["waiting", "running", "waiting"]
    assert events(cloud, uuid).count(("held", "out of turn")) == 2


def test_a_release_by_a_step_keeps_the_limit(cloud: Cloud) -> None:
    """It returns the hosts of all, and lets as many begin as may."""
    later = [NewFlowRun("host", 1, host, "", 2) for host in HOSTS]
    uuid = cloud.post([NewFlowRun("first", 0), *later])
    come_alive(cloud, *HOSTS)
    run = cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert run is not None
    for _ in range(2):  # safe to repeat
        assert cloud.journal.release_stage(run, "host") == list(HOSTS)
        assert cloud.states(uuid) == ["running", "ready", "ready", "waiting"]
    cloud.journal.settle(run, FlowState.DONE)
    assert cloud.states(uuid) == ["done", "ready", "ready", "waiting"]


def test_without_a_limit_all_begin_at_once(cloud: Cloud) -> None:
    """As in a job of an older version, whoever is alive."""
    uuid = cloud.post([NewFlowRun("host", 0, host) for host in HOSTS])
    assert cloud.states(uuid) == ["ready"] * 3
    for host in HOSTS:
        take(cloud, uuid, host)
    assert cloud.states(uuid) == ["running"] * 3


def test_one_cancelled_host_stops_no_other(cloud: Cloud) -> None:
    """The running flow is fenced, and the next host has its turn."""
    uuid = post(cloud)
    come_alive(cloud, *HOSTS)
    cloud.journal.make_good(uuid)
    take(cloud, uuid, "one")
    assert cloud.journal.cancel(uuid, "one") == [on(cloud, uuid, "one").uuid]
    assert cloud.states(uuid) == ["cancelled", "ready", "waiting"]
    assert cloud.journal.cancel(uuid, "one") == []
    for host in HOSTS[1:]:
        cloud.journal.settle(take(cloud, uuid, host), FlowState.DONE)
    assert cloud.store.job(uuid).finished_at is not None


def test_a_state_of_a_newer_version_changes_nothing(cloud: Cloud) -> None:
    """Neither is the job closed, nor does another flow begin."""
    uuid = post(cloud)
    come_alive(cloud, *HOSTS)
    table = schema.flow_runs
    first = table.update().where(table.c.host == "one").values(state="dreaming")
    with cloud.database.write() as connection:
        connection.execute(first)
    cloud.journal.make_good(uuid)
    assert cloud.states(uuid) == ["waiting", "waiting"]
    assert cloud.store.job(uuid).finished_at is None


def _fall_silent(cloud: Cloud, host: str) -> None:
    table = schema.conductors
    silent = table.update().where(table.c.host == host)
    with cloud.database.write() as connection:
        connection.execute(silent.values(seen_at=0.0))
