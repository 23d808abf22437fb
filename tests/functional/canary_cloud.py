# SPDX-License-Identifier: Apache-2.0
"""A cloud with a working jobboard, made by hand: the minimum for a canary."""

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import etcd3gw

from amphv2_bootstrap.adapters.octavia import conf_file, introspection
from tests.servers.mariadb import MariaDB
from tests.servers.zookeeper import zookeeper_client

NAMESPACE = "octavia_jobboard"
DATABASE = "octavia_persistence"


def persistence_rows(mariadb: MariaDB) -> int:
    """The number of rows in the three tables of taskflow's persistence."""
    tables = ("logbooks", "flowdetails", "atomdetails")
    counts = (f"(SELECT COUNT(*) FROM {DATABASE}.{name})" for name in tables)
    return int(mariadb.execute(f"SELECT {' + '.join(counts)}")[0][0])


_POST = """
import sys, uuid
from octavia.common import config
config.init(["--config-file", sys.argv[1]])
# With etcd, a claim would end while the test still looks at it.
config.cfg.CONF.set_override("jobboard_expiration_time", 600, group="task_flow")
from octavia.controller.worker.v2 import taskflow_jobboard_driver as drivers
from taskflow.persistence import models
from stevedore import driver as stevedore_driver
persistence = drivers.MysqlPersistenceDriver()
name = config.cfg.CONF.task_flow.jobboard_backend_driver
made = stevedore_driver.DriverManager(
    "octavia.worker.jobboard_driver", name, invoke_on_load=True,
    invoke_args=(persistence,)).driver
with persistence.get_persistence() as backend, made.job_board(backend) as board:
    book = models.LogBook("create-load-balancer")
    book.add(models.FlowDetail("create", str(uuid.uuid4())))
    backend.get_connection().save_logbook(book)
    store = {"loadbalancer_id": sys.argv[2]} if sys.argv[2] else {}
    job = board.post("create-load-balancer", book=book, details={"store": store})
    if sys.argv[3]:
        list(board.iterjobs(ensure_fresh=True))
        board.claim(job, sys.argv[3])
    print(job.uuid)
    if sys.argv[3]:  # with ZooKeeper, the claim lives as long as its owner
        sys.stdout.flush()
        sys.stdin.read()
"""


@dataclass
class CanaryCloud:
    """``conf`` is an octavia.conf with the whole ``[task_flow]``.

    ``look`` lists what the key-value backend holds.
    """

    mariadb: MariaDB
    python: str
    conf: Path
    look: Callable[[], list[str]]

    def rows(self) -> int:
        return persistence_rows(self.mariadb)


def make(
    folder: Path, mariadb: MariaDB, venv: Path, options: dict[str, Any]
) -> CanaryCloud:
    """Make the database, by octavia-db-manage, and the octavia.conf.

    :param options: Octavia's options for the key-value backend.
    """
    mariadb.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    wanted = {
        "persistence_connection": f"{mariadb.root_url}/{DATABASE}",
        "jobboard_enabled": True,
        "jobboard_backend_hosts": ("127.0.0.1",),
        "jobboard_backend_namespace": NAMESPACE,
        "jobboard_expiration_time": 5,
        **options,
    }
    rendered = {name: conf_file.render(value) for name, value in wanted.items()}
    conf = folder / "octavia.conf"
    conf.write_bytes(conf_file.set_options(b"", "task_flow", rendered))
    program = str(venv / "bin" / "octavia-db-manage")
    argv = [program, "--config-file", str(conf), "upgrade_persistence"]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    return CanaryCloud(mariadb, str(venv / "bin" / "python"), conf, list)


def on(
    backend: str, server: Any, folder: Path, mariadb: MariaDB, venv: Path
) -> CanaryCloud:
    """:func:`make` for ``redis``, ``zookeeper`` or ``etcd``, on a board of its own."""
    options = {
        "jobboard_backend_driver": f"{backend}_taskflow_driver",
        "jobboard_backend_port": server.port,
    }
    if backend == "redis":
        options = redis_options(server)
    options["jobboard_backend_namespace"] = namespace_in(folder)
    return make(folder, mariadb, venv, options)


def post(cloud: CanaryCloud, load_balancer: str = "") -> str:
    """Post a job on Octavia's own namespace, as its API does; its id."""
    argv = [*_poster(cloud), load_balancer, ""]
    done = subprocess.run(argv, check=True, capture_output=True, timeout=120)
    return done.stdout.decode().split()[-1]


@contextlib.contextmanager
def claimed(cloud: CanaryCloud, load_balancer: str, owner: str) -> Iterator[str]:
    """Post a job for a load balancer, and claim it; its id."""
    argv = [*_poster(cloud), load_balancer, owner]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate(timeout=60)


def _poster(cloud: CanaryCloud) -> list[str]:
    return [cloud.python, "-W", "ignore", "-c", _POST, str(cloud.conf)]


def namespace_in(folder: Path) -> str:
    """The namespace of :func:`on`."""
    return f"octavia-{folder.name}"


def redis_options(server: Any) -> dict[str, Any]:
    return {
        "jobboard_backend_driver": "redis_taskflow_driver",
        "jobboard_backend_port": server.port,
        "jobboard_backend_password": server.password,
    }


# The boards of other tests on the same server: their claims expire at any time.
_OTHERS = re.compile(r"(^|/)(test|engine)-")


def _is_ours(key: str) -> bool:
    return _OTHERS.search(key) is None


def redis_keys(server: Any) -> list[str]:
    """All keys of the server, except those of other tests' boards."""
    with contextlib.closing(server.client()) as client:
        return sorted(filter(_is_ours, map(bytes.decode, client.scan_iter())))


def etcd_keys(port: int) -> list[str]:
    """All keys of the server, except those of other tests' boards."""
    client = etcd3gw.Etcd3Client(host="127.0.0.1", port=port)
    try:
        found = client.get_prefix("/")
    finally:
        client.session.close()
    keys = (metadata["key"].decode() for _, metadata in found)
    return sorted(filter(_is_ours, keys))


def zookeeper_nodes(port: int) -> list[str]:
    """All nodes of the server, except its own and those of other tests' boards."""
    with zookeeper_client(port) as client:
        return sorted(filter(_is_ours, _below(client, "/")))


def _below(client: Any, path: str) -> Iterator[str]:
    for child in client.get_children(path):
        below = f"{path.rstrip('/')}/{child}"
        if below != "/zookeeper":
            yield below
            yield from _below(client, below)


def wanted_of(cloud: CanaryCloud) -> dict[str, Any]:
    """The values of ``[task_flow]`` in its octavia.conf, typed, with secrets."""
    return introspection.effective_task_flow(None, (str(cloud.conf),))
