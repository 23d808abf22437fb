# SPDX-License-Identifier: Apache-2.0
"""After the bootstrap, real Octavia survives the death of a worker.

Nothing here is taken from what our own programs say: the API tells the state of
a load balancer, the server of the jobboard who holds the job, the database which
tasks have run and which connection waits for a lock, and Octavia's own log which
were begun.
"""

import contextlib
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from taskflow.jobs import backends

from tests.functional.octavia_cloud import HOST, OctaviaCloud, running_octavia
from tests.functional.site import KeyValue, Site
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.rabbitmq import RabbitMQServer

MakeSite = Callable[..., Site]
CREATION = re.compile(r"get_create_load_balancer_flow-[0-9a-f-]{36}")
CONDUCTOR = re.compile("octavia-task-flow-conductor-[0-9a-f-]{36}")
BEGUN = re.compile(r"\(([0-9a-f-]{36})\) transitioned into state 'RUNNING'")
EXPIRATION = "15"
"""jobboard_expiration_time, in seconds; Octavia renews when half of it is left."""


@contextlib.contextmanager
def looking_at(key_value: KeyValue, namespace: str) -> Iterator[Any]:
    """Octavia's jobboard, read by somebody who never claims anything."""
    configuration: dict[str, Any] = {
        "board": key_value.driver,
        "host": HOST,
        "port": key_value.port,
        "namespace": namespace,
        "path": namespace,
    }
    if key_value.driver == "zookeeper":
        configuration.update(hosts=f"{HOST}:{key_value.port}", path=f"/{namespace}")
    if key_value.password:
        configuration["password"] = key_value.password
    with backends.backend(namespace, configuration) as board:
        yield board


@contextlib.contextmanager
def creation_held_in_the_middle(mariadb: MariaDB) -> Iterator[Any]:
    """Inside, the task that records a VRRP group waits for a lock of ours.

    The amphorae are there by then, and are not yet told to work together. Gives
    the connection that holds the lock.
    """
    with contextlib.closing(mariadb.connect(autocommit=False)) as ours:
        # All rows and all the gaps between them, so that none can be added.
        ours.cursor().execute("SELECT * FROM octavia.vrrp_group FOR UPDATE")
        yield ours


def hosts_in_the_middle(cloud: OctaviaCloud, ours: Any) -> set[str]:
    """The hosts whose live workers wait there for our lock."""
    # Not innodb_trx: it shows an old state to those who read it often.
    cursor = ours.cursor()
    cursor.execute(
        "SELECT host FROM information_schema.processlist"
        " WHERE info LIKE 'INSERT INTO vrrp_group %'"
    )
    ports = [int(client.rpartition(":")[2]) for (client,) in cursor.fetchall()]
    hosts = {cloud.host_of_connection(port) for port in ports}
    return {host for host in hosts if host}


def held_job(board: Any) -> tuple[str, str]:
    """Name and owner of the only job on the board."""
    (job,) = board.iterjobs(ensure_fresh=True)
    return job.name, board.find_owner(job)


def wait_until_consumed(board: Any, what: str) -> None:
    """Return when no job is on the board."""
    wait_until(
        lambda: not board.job_count,
        what=what,
        state=lambda: list(board.iterjobs(ensure_fresh=True)),
    )


def tasks(mariadb: MariaDB, job: str) -> list[tuple[Any, ...]]:
    """Id, state and result of each task of a job, from taskflow's own tables."""
    return mariadb.execute(
        "SELECT a.uuid, a.state, a.results FROM octavia_persistence.atomdetails a"
        " JOIN octavia_persistence.flowdetails f ON f.uuid = a.parent_uuid"
        " WHERE f.name = %s AND a.atom_type = 'TASK_DETAIL'"
        " AND a.name <> '_TaskFlow_INJECTOR'",  # holds what was given, never runs
        (job,),
    )


def finished_jobs(mariadb: MariaDB) -> set[str]:
    """The names of the jobs in taskflow's tables that ran to their end."""
    found = mariadb.execute(
        "SELECT b.name FROM octavia_persistence.flowdetails f"
        " JOIN octavia_persistence.logbooks b ON b.uuid = f.parent_uuid"
        " WHERE f.state = 'SUCCESS'"
    )
    return {name for (name,) in found}


def create_undisturbed(cloud: OctaviaCloud, board: Any) -> str:
    """A load balancer that became active by way of the jobboard; its id."""
    created = cloud.create("undisturbed")
    assert cloud.wait_until_settled(created) == {created: "ACTIVE"}
    wait_until_consumed(board, "its job is consumed")
    # Without a jobboard, Octavia writes nothing there.
    (job,) = finished_jobs(cloud.site.mariadb) or {""}
    assert CREATION.fullmatch(job)
    return created


def kill_the_holder(
    cloud: OctaviaCloud, board: Any, ours: Any
) -> list[tuple[Any, ...]]:
    """Kill the worker in the middle; on return the other one is there.

    Gives the tasks of the job as the dead worker left them.
    """
    middle = functools.partial(hosts_in_the_middle, cloud, ours)
    wait_until(
        middle,
        what="a worker is in the middle",
        timeout=100,
        state=lambda: cloud.worker_logs()[-6000:],
    )
    (holder,) = middle()
    job, owner = held_job(board)
    left = tasks(cloud.site.mariadb, job)
    states = Counter(state for _, state, _ in left)
    assert states.keys() == {"SUCCESS", "RUNNING", "PENDING"}
    assert states["RUNNING"] == 1

    cloud.kill(holder)
    others = {*cloud.site.hosts} - {holder}
    wait_until(
        lambda: middle() == others,
        what=f"{others} go on",
        timeout=100,
        state=lambda: (middle(), cloud.worker_logs()[-6000:]),
    )
    same_job, other_owner = held_job(board)
    assert same_job == job
    assert CONDUCTOR.fullmatch(owner)
    assert CONDUCTOR.fullmatch(other_owner)
    assert other_owner != owner
    return left


@pytest.mark.parametrize("driver", ["redis", "zookeeper", "etcd"])
def test_the_other_worker_finishes_what_a_killed_one_began(
    driver: str, make_site: MakeSite, rabbitmq_server: RabbitMQServer
) -> None:
    """A creation passes through the jobboard, and goes on where a dead worker left."""
    site = make_site(driver=driver)
    namespace = f"octavia-{site.folder.parent.name}"
    options = {
        "jobboard_backend_namespace": namespace,
        "jobboard_save_logbook": "True",
    }
    if driver != "zookeeper":  # its claims end with the session: after 10 s
        options["jobboard_expiration_time"] = EXPIRATION
    with (
        running_octavia(site, rabbitmq_server, options) as cloud,
        looking_at(site.key_value, namespace) as board,
    ):
        first = create_undisturbed(cloud, board)
        with creation_held_in_the_middle(site.mariadb) as ours:
            second = cloud.create("orphaned")
            left = kill_the_holder(cloud, board, ours)
            job, _ = held_job(board)
            assert cloud.statuses()[second] == "PENDING_CREATE"

        cloud.wait_until_settled(first, second)
        assert cloud.statuses() == {first: "ACTIVE", second: "ACTIVE"}
        wait_until_consumed(board, "the second job is consumed")
        assert job in finished_jobs(site.mariadb)
        after = tasks(site.mariadb, job)
        assert {state for _, state, _ in after} == {"SUCCESS"}
        assert {task for task in left if task[1] == "SUCCESS"} <= set(after)
        # The interrupted one was RUNNING already when the other worker went on.
        begun = Counter(BEGUN.findall(cloud.worker_logs()))
        assert {begun[task] for task, _, _ in left} == {1}
        amphorae = site.mariadb.execute("SELECT load_balancer_id FROM octavia.amphora")
        assert sorted(amphorae) == sorted([(first,)] * 2 + [(second,)] * 2)
