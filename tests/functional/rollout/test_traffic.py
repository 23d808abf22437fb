# SPDX-License-Identifier: Apache-2.0
"""A bootstrap of a cloud while users create and delete load balancers all the time.

The verdict is that of the clients' ledger, of Octavia's database, and of an observer
that looks at ports and at the broker; not of our own programs.
"""

import contextlib
import json
import os
import random
from collections.abc import Container, Iterator, Mapping, Sequence

import pytest

from tests.faults.cloud import SEED
from tests.functional.rollout.cloud import Pace, RolloutCloud
from tests.functional.site import MakeSite
from tests.servers.process import wait_until
from tests.servers.rabbitmq import RabbitMQServer

HOSTS = ("ctl1", "ctl2", "ctl3")
STEPS = (
    "release-controllers",
    "ensure-client-library",
    "await-idle-octavia",
    "write-octavia-configuration",
    "check-effective-configuration",
    "restart-octavia-services",
    "prove-controller",
)
KILLS = [f"{when} {step}" for step in STEPS for when in ("before", "after")]
EXPIRATION = 15
"""jobboard_expiration_time, in seconds: a dead worker's job is taken over then."""
ALL = {
    "controllers_at_once": "0",
    "when_busy": "restart",
    "idle_timeout": "0",
    "before_restart": "true",  # the API stays in HAProxy
    "after_restart": "true",
}
ONE: dict[str, str] = {}  # as by default
HASTY = {"idle_timeout": "180"}
"""Doesn't wait for a quarter of an hour for what is lost in any case."""
BOOT = float(os.environ.get("AMPHV2_BOOT_SECONDS", "5"))
GENTLE = Pace(BOOT, stop=BOOT + 60)
ROUGH = Pace(BOOT, stop=1)
"""Its workers are killed long before a load balancer is built, as with systemd's 90 s
where a virtual machine boots for minutes."""


@contextlib.contextmanager
def used_cloud(
    make_site: MakeSite,
    rabbitmq: RabbitMQServer,
    pace: Pace,
    options: Mapping[str, str],
    kill_at: str | None = None,
    hosts: Sequence[str] = HOSTS,
) -> Iterator[RolloutCloud]:
    """A cloud without a jobboard; its clients have load balancers under way."""
    site = make_site(engine="mariadb", hosts=hosts)
    cloud = RolloutCloud(site, rabbitmq, pace)
    cloud.install()
    cloud.configure({"jobboard_expiration_time": str(EXPIRATION), **options}, kill_at)
    try:
        cloud.start()
        cloud.traffic.start()
        wait_until(
            lambda: len(cloud.pending()) >= len(hosts),
            what="the workers are at work",
            timeout=300,
        )
        yield cloud
    except BaseException:
        print(cloud.logs())
        raise
    finally:
        cloud.stop()


def bootstrap(cloud: RolloutCloud) -> None:
    """Post a job, and wait for its end."""
    done = cloud.site.cli("post-job", "--wait", "--timeout", "1500", timeout=1520)
    assert done.returncode == 0, (done.stdout, done.stderr)


def check(cloud: RolloutCloud, dead: str = "", lost: Container[str] = ()) -> None:
    """Nothing is stuck, no request was refused without need, one was out at a time.

    :param dead: a host that the test has killed; its absence doesn't count.
    :param lost: what may be stuck because of its death.
    """
    cloud.watch.wait_until_in()
    stuck = cloud.stuck(60 + EXPIRATION)
    print(cloud.numbers(stuck))
    assert not [one for one in stuck if one not in lost]
    statuses = cloud.statuses_in_database()
    left = {statuses[one] for one in statuses if one not in lost}
    assert left <= {"ACTIVE", "DELETED"}
    assert set(cloud.traffic.created) <= set(statuses)
    # Each end of an API may cut the one connection that it serves.
    ends = cloud.stops("octavia-api") + bool(dead)
    assert len(cloud.traffic.refused) <= ends
    assert cloud.watch.meanwhile(cloud.traffic.operations)
    assert cloud.watch.most_out({dead}) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("pace", "loses"), [(ROUGH, True), (GENTLE, False)], ids=["rough", "gentle"]
)
@pytest.mark.timeout(2000)
def test_all_at_once(
    pace: Pace, loses: bool, make_site: MakeSite, rabbitmq_server: RabbitMQServer
) -> None:
    """All APIs are out at once; workers that are cut off leave PENDING_CREATE behind.

    It proves that the tests of this module can fail.
    """
    with used_cloud(make_site, rabbitmq_server, pace, ALL) as cloud:
        bootstrap(cloud)
        stuck = cloud.stuck(60 + EXPIRATION)
        print(cloud.numbers(stuck))
        assert cloud.watch.most_out() == len(HOSTS)
        assert len(cloud.traffic.refused) > cloud.stops("octavia-api")
        assert ("PENDING_CREATE" in stuck.values()) == loses


def check_with_a_kill(used: contextlib.AbstractContextManager[RolloutCloud]) -> None:
    """Bootstrap a cloud where one conductor kills itself."""
    with used as cloud:
        bootstrap(cloud)
        assert cloud.killed
        check(cloud)


@pytest.mark.timeout(2000)
def test_no_load_balancer_is_lost(
    make_site: MakeSite, rabbitmq_server: RabbitMQServer
) -> None:
    """One controller after the other; a conductor is killed at a random step."""
    kill_at = random.Random(SEED).choice(KILLS)
    print(f"AMPHV2_FAULTS_SEED={SEED}: {kill_at}")
    services = ("octavia-api", "octavia-worker")
    pace = Pace(boot=2, stop=60, clients=3, services=services)
    check_with_a_kill(
        used_cloud(make_site, rabbitmq_server, pace, ONE, kill_at, HOSTS[:2])
    )


@pytest.mark.long
@pytest.mark.parametrize("kill_at", KILLS)
@pytest.mark.timeout(2000)
def test_each_step(
    kill_at: str, make_site: MakeSite, rabbitmq_server: RabbitMQServer
) -> None:
    """Nothing is lost if a conductor is killed before or after a step's work."""
    check_with_a_kill(used_cloud(make_site, rabbitmq_server, GENTLE, ONE, kill_at))


def in_state(cloud: RolloutCloud, *states: str) -> str:
    """Wait until a controller's flow is in one of these states; return the host."""

    def found() -> list[str]:
        return [host for host in HOSTS if cloud.controller_state(host) in states]

    cloud.site.wait_until(found, f"a flow is {states}", timeout=1500)
    return found()[0]


def wait_until_done(cloud: RolloutCloud, host: str) -> None:
    cloud.site.wait_until(
        lambda: cloud.controller_state(host) == "done", f"{host} is done", timeout=1500
    )


@pytest.mark.long
@pytest.mark.parametrize("state", ["waiting", "running", "done"])
@pytest.mark.timeout(2000)
def test_a_whole_host_dies(
    state: str, make_site: MakeSite, rabbitmq_server: RabbitMQServer
) -> None:
    """The others finish, it catches up, and only what it did itself is lost.

    When its own flow is done, what it builds is on Octavia's jobboard: not lost. A
    message that it got and hasn't put there yet is lost in any case.
    """
    with used_cloud(make_site, rabbitmq_server, GENTLE, HASTY) as cloud:
        posted = cloud.site.cli("post-job")
        assert posted.returncode == 0, posted.stderr
        in_state(cloud, "running" if state == "waiting" else state)
        dead = in_state(cloud, state)
        wait_until(
            lambda: cloud.built_by(dead) & cloud.pending().keys(),
            what=f"{dead} builds a load balancer",
            timeout=600,
        )
        kept = cloud.built_by(dead) if state == "done" else set()
        cloud.machines[dead].kill()
        others = set(HOSTS) - {dead}
        if state == "running":  # its turn goes on: its Octavia may be out
            cloud.machines[dead].start()
            repair_what_parks(cloud, dead)
            others = set()
        elif state == "waiting":
            repair_what_parks(cloud, dead)
        for host in others:
            wait_until_done(cloud, host)
        if others:
            cloud.machines[dead].start()
        cloud.site.wait_for_state("done", timeout=1500)
        check(cloud, dead, cloud.taken_by(dead) - kept)


def repair_what_parks(cloud: RolloutCloud, dead: str) -> None:
    """Nobody goes on with what a host without jobboard was at: do as the reason says.

    Return when the job was resumed.
    """
    report = cloud.site.wait_for_state("parked", timeout=1500)
    assert "set its provisioning_status to ERROR" in json.dumps(report)
    lost = cloud.taken_by(dead) & cloud.pending().keys()
    assert any(one in json.dumps(report) for one in lost)
    cloud.give_up(lost)
    resumed = cloud.site.cli("job", "resume", report["id"])
    assert resumed.returncode == 0, resumed.stderr
