# SPDX-License-Identifier: Apache-2.0
"""A bootstrap of a cloud while users create and delete load balancers all the time.

The verdict is that of the clients' ledger, of Octavia's database, and of an observer
that looks at ports and at the broker; not of our own programs.
"""

import contextlib
from collections.abc import Iterator, Mapping

import pytest

from tests.functional.rollout.cloud import Pace, RolloutCloud
from tests.functional.site import MakeSite
from tests.servers.process import wait_until
from tests.servers.rabbitmq import RabbitMQServer

HOSTS = ("ctl1", "ctl2", "ctl3")
EXPIRATION = 15
"""jobboard_expiration_time, in seconds: a dead worker's job is taken over then."""
AT_ONCE: dict[str, str] = {}
GENTLE = Pace(boot=5, stop=60)
ROUGH = Pace(boot=5, stop=1)
"""Its workers are killed long before a load balancer is built, as with systemd's 90 s
where a virtual machine boots for minutes."""


@contextlib.contextmanager
def used_cloud(
    make_site: MakeSite,
    rabbitmq: RabbitMQServer,
    pace: Pace,
    options: Mapping[str, str],
    kill_at: str | None = None,
) -> Iterator[RolloutCloud]:
    """A cloud without a jobboard; its clients have load balancers under way."""
    site = make_site(engine="mariadb", hosts=HOSTS)
    cloud = RolloutCloud(site, rabbitmq, pace)
    cloud.install()
    cloud.configure({"jobboard_expiration_time": str(EXPIRATION), **options}, kill_at)
    try:
        cloud.start()
        cloud.traffic.start()
        wait_until(
            lambda: len(cloud.pending()) >= len(HOSTS), what="the workers are at work"
        )
        yield cloud
    except BaseException:
        print(cloud.logs())
        raise
    finally:
        cloud.stop()


def bootstrap(cloud: RolloutCloud) -> None:
    """Post a job, and wait for its end."""
    done = cloud.site.cli("post-job", "--wait", "--timeout", "500", timeout=520)
    assert done.returncode == 0, (done.stdout, done.stderr)


@pytest.mark.long
@pytest.mark.parametrize(
    ("pace", "loses"), [(ROUGH, True), (GENTLE, False)], ids=["rough", "gentle"]
)
@pytest.mark.timeout(900)
def test_all_at_once(
    pace: Pace, loses: bool, make_site: MakeSite, rabbitmq_server: RabbitMQServer
) -> None:
    """All APIs are out at once; workers that are cut off leave PENDING_CREATE behind.

    It proves that the tests of this module can fail.
    """
    with used_cloud(make_site, rabbitmq_server, pace, AT_ONCE) as cloud:
        bootstrap(cloud)
        stuck = cloud.stuck(60 + EXPIRATION)
        print(cloud.numbers(stuck))
        assert cloud.watch.most_out() == len(HOSTS)
        assert len(cloud.traffic.refused) > cloud.stops("octavia-api")
        assert ("PENDING_CREATE" in stuck.values()) == loses
