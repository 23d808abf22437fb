# SPDX-License-Identifier: Apache-2.0
"""``verify`` on clouds with ZooKeeper, etcd, or Redis with Sentinel."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kazoo.security import make_acl

from tests.functional import canary_cloud
from tests.functional.site import KeyValue
from tests.functional.verify_cloud import (
    Case,
    Cloud,
    bootstrapped,
    by_state,
    check,
    set_option,
    verify,
)
from tests.servers.etcd import running_etcd
from tests.servers.mariadb import MariaDB
from tests.servers.redis import running_sentinels
from tests.servers.zookeeper import running_zookeeper, zookeeper_client


@dataclass(frozen=True)
class SentinelKeyValue(KeyValue):
    """Redis with Sentinel; ``port`` is Sentinel's."""

    master: str = ""
    sentinel_password: str = ""

    def options(self) -> dict[str, str]:
        password = self.sentinel_password.replace("$", "$$")
        return {
            **super().options(),
            "jobboard_redis_sentinel": self.master,
            "jobboard_redis_sentinel_password": password,
        }


@contextlib.contextmanager
def sentinel(folder: Path) -> Iterator[tuple[KeyValue, Any]]:
    with running_sentinels(folder) as servers:
        port, name = servers.sentinels[0].port, servers.name
        secrets = (servers.password, servers.sentinel_password)
        yield SentinelKeyValue("redis", port, secrets[0], name, secrets[1]), servers


@contextlib.contextmanager
def zookeeper(folder: Path) -> Iterator[tuple[KeyValue, Any]]:
    folder.mkdir()
    with running_zookeeper(folder) as server:
        yield KeyValue("zookeeper", server.port), server


@contextlib.contextmanager
def etcd(folder: Path) -> Iterator[tuple[KeyValue, Any]]:
    folder.mkdir()
    with running_etcd(folder) as server:
        yield KeyValue("etcd", server.port), server


SERVERS = {"zookeeper": zookeeper, "etcd": etcd, "sentinel": sentinel}
LOOKS: dict[str, Callable[[Any], list[str]]] = {
    "zookeeper": lambda server: canary_cloud.zookeeper_nodes(server.port),
    "etcd": lambda server: canary_cloud.etcd_keys(server.port),
    "sentinel": lambda servers: canary_cloud.redis_keys(servers.master()),
}


@pytest.fixture(scope="module")
def cloud(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    mariadb_server: MariaDB,
    octavia_bin: Path,
) -> Iterator[Cloud]:
    """A cloud with the backend of the parameter, one for all its tests."""
    folder = tmp_path_factory.mktemp("verify")
    with (
        SERVERS[request.param](folder / "servers") as (key_value, server),
        bootstrapped(folder, mariadb_server, octavia_bin, key_value, server) as found,
    ):
        yield found


@pytest.mark.parametrize("cloud", SERVERS, indirect=True)
def test_passes_on_what_a_job_made(
    cloud: Cloud, request: pytest.FixtureRequest
) -> None:
    """A job of the canary passes, the exit code is 0, and nothing is left."""
    look = LOOKS[request.node.callspec.params["cloud"]]
    before = look(cloud.server)
    code, found = verify(cloud)
    assert code == 0, found
    assert not by_state(found, "failed")
    assert "ran and consumed it" in by_state(found, "ok")["canary"]
    assert look(cloud.server) == before
    assert cloud.rows() == 0


@contextlib.contextmanager
def closed_folder(cloud: Cloud) -> Iterator[None]:
    """Forbid the creation of nodes in Octavia's folder of ZooKeeper."""
    path = f"/{canary_cloud.NAMESPACE}"
    with zookeeper_client(cloud.server.port) as client:
        client.ensure_path(path)
        client.set_acls(path, [make_acl("world", "anyone", read=True, admin=True)])
        try:
            yield
        finally:
            client.set_acls(path, [make_acl("world", "anyone", all=True)])
            client.delete(path)


CASES = {
    "zookeeper": (
        Case(
            "Octavia's folder is closed",
            closed_folder,
            {
                "key-value-backend": "nodes in /octavia_jobboard ... create nodes",
                "canary": "(link jobboard-connect) ... NoAuthError",
            },
        ),
        Case(
            "another namespace",
            set_option("jobboard_backend_namespace", "another"),
            {"configuration": "jobboard_backend_namespace is 'another'"},
        ),
    ),
    "etcd": (
        Case(
            "TLS expected",
            set_option("jobboard_etcd_ssl_options", "use_ssl:False"),
            {
                "configuration": "Octavia takes any use_ssl for https",
                "canary": "(link jobboard-connect)",
            },
        ),
        Case(
            "wrong port",
            set_option("jobboard_backend_port", "1"),
            {
                "configuration": "jobboard_backend_port is 1",
                "canary": "(link jobboard-connect)",
            },
        ),
    ),
    "sentinel": (
        Case(
            "another master",
            set_option("jobboard_redis_sentinel", "another"),
            {
                "configuration": "jobboard_redis_sentinel is 'another'",
                "canary": "(link jobboard-connect) ... jobboard_redis_sentinel",
            },
        ),
        Case(
            "wrong password of Sentinel",
            set_option("jobboard_redis_sentinel_password", "another"),
            {
                "configuration": "jobboard_redis_sentinel_password differs",
                "canary": "(link jobboard-connect)",
            },
        ),
    ),
}


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("cloud", SERVERS, indirect=True)
def test_sabotage(cloud: Cloud, number: int, request: pytest.FixtureRequest) -> None:
    """The expected checks fail with their words, and nothing is changed."""
    check(CASES[request.node.callspec.params["cloud"]][number], cloud)
