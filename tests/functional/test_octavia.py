# SPDX-License-Identifier: Apache-2.0
"""After a finished job, real Octavia survives the death of a worker.

These tests use no output of our own programs. The API reports the state of a load
balancer, the jobboard's server the owner of the job, the database the tasks that have
run and the connections that wait for a lock, Octavia's log the tasks that have begun.
"""

import contextlib
import functools
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from taskflow.jobs import backends

from tests import REPOSITORY
from tests.functional.octavia_cloud import HOST, OctaviaCloud, running_octavia
from tests.functional.site import KeyValue, MakeSite, Site
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_release
from tests.servers.process import wait_until
from tests.servers.rabbitmq import RabbitMQServer

CREATION = re.compile(r"get_create_load_balancer_flow-[0-9a-f-]{36}")
CONDUCTOR = re.compile("octavia-task-flow-conductor-[0-9a-f-]{36}")
BEGUN = re.compile(r"\(([0-9a-f-]{36})\) transitioned into state 'RUNNING'")
RELEASES = sorted(
    (path.stem for path in (REPOSITORY / "tools/octavia-releases").glob("[0-9]*.txt")),
    key=int,
)
DRIVERS = ["redis", "zookeeper", "etcd"]
SAMPLE = "8"
"""The last release with a default provider that doesn't use the jobboard."""
BACKENDS = [
    *((release, "redis") for release in RELEASES),
    *((release, "zookeeper") for release in RELEASES),
    *((release, "etcd") for release in ("16", "17", "18")),
]
"""Each release with each backend that it has a driver for."""
EXPIRATION = "15"
"""jobboard_expiration_time, in seconds; Octavia renews when half of it is left."""


@contextlib.contextmanager
def looking_at(key_value: KeyValue, namespace: str) -> Iterator[Any]:
    """Octavia's jobboard, for reading only."""
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
    """Hold a lock for which the task that records a VRRP group waits.

    By then the amphorae exist, but do not work together yet. Gives the connection
    that holds the lock.
    """
    with contextlib.closing(mariadb.connect(autocommit=False)) as blocker:
        # Lock all rows and gaps, so that no row can be added.
        blocker.cursor().execute("SELECT * FROM octavia.vrrp_group FOR UPDATE")
        yield blocker


def hosts_in_the_middle(cloud: OctaviaCloud, blocker: Any) -> set[str]:
    """The hosts with live workers that wait for our lock."""
    # Not innodb_trx: it shows an old state if it is read often.
    cursor = blocker.cursor()
    cursor.execute(
        "SELECT host FROM information_schema.processlist"
        " WHERE info LIKE 'INSERT INTO vrrp_group %'"
    )
    ports = [int(client.rpartition(":")[2]) for (client,) in cursor.fetchall()]
    hosts = {cloud.host_of_connection(port) for port in ports}
    return {host for host in hosts if host}


def held_job(board: Any) -> tuple[str, str]:
    """The name and the owner of the only job on the board."""
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
    """The id, state and result of each task of a job, from taskflow's tables.

    Without those that older flows skip.
    """
    return mariadb.execute(
        "SELECT a.uuid, a.state, a.results FROM octavia_persistence.atomdetails a"
        " JOIN octavia_persistence.flowdetails f ON f.uuid = a.parent_uuid"
        " WHERE f.name = %s AND a.atom_type = 'TASK_DETAIL'"
        " AND a.state <> 'IGNORE'"
        " AND a.name <> '_TaskFlow_INJECTOR'",  # holds what was given, never runs
        (job,),
    )


def finished_jobs(mariadb: MariaDB) -> set[str]:
    """The names of the successful jobs in taskflow's tables."""
    found = mariadb.execute(
        "SELECT b.name FROM octavia_persistence.flowdetails f"
        " JOIN octavia_persistence.logbooks b ON b.uuid = f.parent_uuid"
        " WHERE f.state = 'SUCCESS'"
    )
    return {name for (name,) in found}


def create_undisturbed(cloud: OctaviaCloud, board: Any) -> str:
    """Create a load balancer through the jobboard; return its id."""
    created = cloud.create("undisturbed")
    assert cloud.wait_until_settled(created) == {created: "ACTIVE"}
    wait_until_consumed(board, "its job is consumed")
    # Without a jobboard, Octavia writes nothing there.
    (job,) = finished_jobs(cloud.site.mariadb) or {""}
    assert CREATION.fullmatch(job)
    return created


def kill_the_holder(
    cloud: OctaviaCloud, board: Any, blocker: Any, *, restart: bool
) -> list[tuple[Any, ...]]:
    """Kill the worker that waits; return when the other one waits in its place.

    Gives the tasks of the job as the dead worker left them.

    :param restart: restart the other worker, which may have posted the job.
    """
    middle = functools.partial(hosts_in_the_middle, cloud, blocker)
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
    for host in others if restart else ():
        cloud.restart(host)
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


def check_take_over(
    site: Site,
    rabbitmq_server: RabbitMQServer,
    more: Mapping[str, str],
    *,
    restart: bool = False,
) -> None:
    """Bootstrap; create a load balancer; kill the worker that creates another one.

    :param more: options of ``[octavia]`` for each host.
    :param restart: see :func:`kill_the_holder`.
    """
    driver = site.key_value.driver
    namespace = f"octavia-{site.folder.parent.name}"
    options = {
        "jobboard_backend_namespace": namespace,
        "jobboard_save_logbook": "True",
        **more,
    }
    if driver != "zookeeper":  # its claims end with the session: after 10 s
        options["jobboard_expiration_time"] = EXPIRATION
    with (
        running_octavia(site, rabbitmq_server, options) as cloud,
        looking_at(site.key_value, namespace) as board,
    ):
        first = create_undisturbed(cloud, board)
        with creation_held_in_the_middle(site.mariadb) as blocker:
            second = cloud.create("orphaned")
            left = kill_the_holder(cloud, board, blocker, restart=restart)
            job, _ = held_job(board)
            assert cloud.statuses()[second] == "PENDING_CREATE"

        cloud.wait_until_settled(first, second)
        assert cloud.statuses() == {first: "ACTIVE", second: "ACTIVE"}
        wait_until_consumed(board, "the second job is consumed")
        assert job in finished_jobs(site.mariadb)
        after = tasks(site.mariadb, job)
        assert {state for _, state, _ in after} == {"SUCCESS"}
        assert {task for task in left if task[1] == "SUCCESS"} <= set(after)
        # The other worker resumed the interrupted task, which was RUNNING already.
        begun = Counter(BEGUN.findall(cloud.worker_logs()))
        assert {begun[task] for task, _, _ in left} == {1}
        amphorae = site.mariadb.execute("SELECT load_balancer_id FROM octavia.amphora")
        assert sorted(amphorae) == sorted([(first,)] * 2 + [(second,)] * 2)


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_other_worker_finishes_what_a_killed_one_began(
    driver: str, make_site: MakeSite, rabbitmq_server: RabbitMQServer
) -> None:
    """The creation of a load balancer is resumed where the dead worker left it."""
    check_take_over(make_site(driver=driver), rabbitmq_server, {})


@pytest.mark.parametrize(
    ("release", "driver"),
    [
        pytest.param(*one, marks=() if one == (SAMPLE, "redis") else pytest.mark.long)
        for one in BACKENDS
    ],
)
@pytest.mark.timeout(900)
def test_each_release(
    release: str, driver: str, make_site: MakeSite, rabbitmq_server: RabbitMQServer
) -> None:
    """The same with an older Octavia, its libraries of that time and its defaults.

    Then ``verify`` finds nothing wrong, and a second run changes nothing.
    """
    site = make_site(octavia=find_release(release) / "bin", driver=driver)
    # The worker that posted a job keeps a dead one's claim: see RELEASE_TRAPS.
    restart = (release, driver) == ("9", "redis")
    options = {"set_default_provider": "true"}
    check_take_over(site, rabbitmq_server, options, restart=restart)
    host = site.hosts[0]
    verified = site.cli("verify", "-f", "json")
    failed = [each for each in json.loads(verified.stdout) if each["state"] == "failed"]
    assert (verified.returncode, failed) == (0, []), verified.stderr
    before = site.octavia_conf(host).read_bytes()
    assert site.cli("run").returncode == 0
    assert site.octavia_conf(host).read_bytes() == before
    assert site.begun(f"restart-{host}") == 1


def _documented() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Octavia's version, taskflow's, and what was seen by driver, from the table."""
    text = (REPOSITORY / "doc/source/releases.rst").read_text()
    _, head, body, _ = re.split(r"(?m)^=+ =+ =[= ]*$", text)
    starts = [0, 8, 18, 27, 37, 47]
    names, *rows = (
        [line[a:b].strip() for a, b in itertools.zip_longest(starts, starts[1:])]
        for line in (head + body.lstrip("\n")).strip("\n").splitlines()
    )
    for row in rows:
        seen = dict(zip([name.lower() for name in names[3:]], row[3:], strict=True))
        yield row[0], row[2], seen


def test_the_documents_have_what_is_tried_here() -> None:
    """The table has each release with a list, and says *yes* of no other backend."""
    tried = {*BACKENDS, *(("19", driver) for driver in DRIVERS)}
    documented = {version.split(".")[0]: rest for version, *rest in _documented()}
    assert documented.keys() == {*RELEASES, "19"}
    for version, taskflow, seen in _documented():
        release = version.split(".")[0]
        if release in RELEASES:
            pins = (REPOSITORY / f"tools/octavia-releases/{release}.txt").read_text()
            assert {f"octavia=={version}", f"taskflow=={taskflow}"} <= set(
                pins.splitlines()
            )
        for driver, said in seen.items():
            assert (said == "\\-") == (driver == "etcd" and int(release) < 16)
            assert not said.startswith("yes") or (release, driver) in tried
