# SPDX-License-Identifier: Apache-2.0
"""Postings that Octavia's conductors can't carry out, on every backend."""

import base64
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import etcd3gw
import pytest

from amphv2_bootstrap.adapters.octavia import canary
from tests.functional import canary_cloud as clouds
from tests.functional.canary_cloud import CanaryCloud
from tests.servers.mariadb import MariaDB
from tests.servers.zookeeper import zookeeper_client

BROKEN = b'{"uuid": "0b6b3c1c-7a55-4a37-9b0e-6f6c2b1c9b52"}'


def _in_redis(server: Any, namespace: str) -> Callable[[], object]:
    with contextlib.closing(server.client()) as client:
        client.hset(f"{namespace}:listings", "broken", b"\x93")

    def look() -> object:
        with contextlib.closing(server.client()) as client:
            return client.hgetall(f"{namespace}:listings")

    return look


def _in_zookeeper(server: Any, namespace: str) -> Callable[[], object]:
    path = f"/{namespace}"
    with zookeeper_client(server.port) as client:
        client.create(f"{path}/job7", BROKEN, makepath=True)

    def look() -> object:
        with zookeeper_client(server.port) as client:
            names = sorted(client.get_children(path))
            return [client.get(f"{path}/{name}") for name in names]

    return look


def _in_etcd(server: Any, namespace: str) -> Callable[[], object]:
    prefix = f"/taskflow/jobs/{namespace}/"
    client = etcd3gw.Etcd3Client(host="127.0.0.1", port=server.port)
    client.put(f"{prefix}job7.data", base64.b64encode(b"x").decode())
    return lambda: client.get_prefix(prefix)


BACKENDS = {"redis": _in_redis, "zookeeper": _in_zookeeper, "etcd": _in_etcd}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(backend: str, request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{backend}_server")


@pytest.fixture
def cloud(
    backend: str, server: Any, tmp_path: Path, mariadb: MariaDB, octavia_venv: Path
) -> CanaryCloud:
    """A cloud with a working jobboard on one of the backends."""
    return clouds.on(backend, server, tmp_path, mariadb, octavia_venv)


def test_a_malformed_posting_is_named_and_stays(
    backend: str, server: Any, cloud: CanaryCloud, tmp_path: Path
) -> None:
    """taskflow would delete it, or end; here, it and a sound job beside it stay."""
    uuid = clouds.post(cloud)
    look = BACKENDS[backend](server, clouds.namespace_in(tmp_path))
    before, rows = look(), cloud.rows()
    (found,) = canary.leftovers(cloud.python, (str(cloud.conf),))
    assert found.is_malformed
    assert found.why
    assert found.removal.startswith(("redis-cli", "zkCli.sh", "etcdctl"))
    jobs = canary.waiting_jobs(cloud.python, (str(cloud.conf),))
    assert jobs == (f"create-load-balancer ({uuid})",)
    assert look() == before
    assert cloud.rows() == rows


def test_a_job_whose_logbook_is_elsewhere_is_named(cloud: CanaryCloud) -> None:
    """It is named with the id of its logbook; a job with its logbook isn't."""
    uuid = clouds.post(cloud)
    sources = (str(cloud.conf),)
    assert canary.leftovers(cloud.python, sources) == ()
    cloud.mariadb.execute(f"DELETE FROM {clouds.DATABASE}.flowdetails")
    cloud.mariadb.execute(f"DELETE FROM {clouds.DATABASE}.logbooks")
    (found,) = canary.leftovers(cloud.python, sources)
    assert not found.is_malformed
    assert uuid in found.name
    assert found.why.startswith("its logbook is ")


def test_the_claim_of_a_load_balancers_job_is_told(
    backend: str, cloud: CanaryCloud
) -> None:
    """By its id: the job, who claims it, and for how long where that is known."""
    sources = (str(cloud.conf),)
    clouds.post(cloud, "lb-1")
    with clouds.claimed(cloud, "lb-2", "worker-1") as uuid:
        found = canary.jobs_of_load_balancers(cloud.python, sources)
    assert found.keys() == {"lb-1", "lb-2"}
    assert (found["lb-1"].owner, found["lb-1"].seconds) == ("", None)
    assert found["lb-2"].name == f"create-load-balancer ({uuid})"
    assert found["lb-2"].owner == "worker-1"
    seconds = found["lb-2"].seconds
    assert (seconds is None) is (backend == "etcd")
    assert seconds is None or -1 < seconds < 120
