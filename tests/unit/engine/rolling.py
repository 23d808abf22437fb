# SPDX-License-Identifier: Apache-2.0
"""A job that is rolled out over hosts, for the engine's tests."""

from collections.abc import Sequence

from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import FlowRun, NewFlowRun
from tests.unit.engine.signs import beat
from tests.unit.engine.toys import Cloud

HOSTS = ("one", "two", "three")


def post(cloud: Cloud, hosts: Sequence[str] = HOSTS, at_once: int = 1) -> str:
    """A job with the flow ``host`` on each of the hosts, so many at once."""
    return cloud.post([NewFlowRun("host", 0, host, "", at_once) for host in hosts])


def come_alive(cloud: Cloud, *hosts: str) -> None:
    """Signs of life from conductors of these hosts."""
    for host in hosts:
        beat(cloud.database, ProcessIdentity.of_this_process(host))


def on(cloud: Cloud, uuid: str, host: str) -> FlowRun:
    """The flow of a host."""
    return next(run for run in cloud.store.flow_runs_of(uuid) if run.host == host)


def take(cloud: Cloud, uuid: str, host: str) -> FlowRun:
    """The flow of a host, now running."""
    run = cloud.journal.take(on(cloud, uuid, host).uuid)
    assert run is not None, cloud.states(uuid)
    return run


def events(cloud: Cloud, uuid: str) -> list[tuple[str, str | None]]:
    """What happened to the job and its flows, without what steps did."""
    found = [event for _, event in cloud.store.events(uuid)]
    return [(each.kind, each.message) for each in found if each.atom is None]
