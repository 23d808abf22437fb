# SPDX-License-Identifier: Apache-2.0
"""After the bootstrap, real Octavia survives the death of a worker.

Nothing here is taken from what our own programs say: the API tells the state of
a load balancer, the jobboard's server who holds the job, the database which
tasks ran, and who waits for a lock.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pymysql
import pytest
from taskflow.jobs import backends
from taskflow.jobs.base import JobBoard

from tests.functional.octavia_cloud import HOST, OctaviaCloud, running_octavia
from tests.functional.site import KeyValue, Site
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.rabbitmq import RabbitMQServer

MakeSite = Callable[..., Site]
EXPIRATION = 10
"""jobboard_expiration_time, in seconds; ZooKeeper has its session's instead."""


@pytest.mark.parametrize("driver", ["redis", "zookeeper", "etcd"])
def test_the_other_worker_finishes_what_a_killed_one_began(
    driver: str,
    make_site: MakeSite,
    rabbitmq_server: RabbitMQServer,
    record_property: Callable[[str, object], None],
    request: pytest.FixtureRequest,
) -> None:
    """Creation goes through the jobboard, and on where a dead worker left it."""
    site = make_site(driver=driver)
    namespace = f"octavia-{site.folder.parent.name}"
    options = {
        "jobboard_backend_namespace": namespace,
        "jobboard_expiration_time": str(EXPIRATION),
        "jobboard_save_logbook": "True",
    }
    with (
        running_octavia(site, rabbitmq_server, options) as cloud,
        looking_at(site.key_value, namespace) as board,
    ):
        first = cloud.create("undisturbed")
        assert cloud.wait_until_settled(first) == {first: "ACTIVE"}
        assert_done(site.mariadb, flows=1)

        with held_before_vrrp(site.mariadb) as release:
            second = cloud.create("orphaned")
            wait_until(lambda: waiting(cloud), what="a worker is in the middle")
            (holder,) = waiting(cloud)
            owner = sole_owner(board)
            assert owner is not None
            middle = task_states(site.mariadb, flows=2)
            ...
