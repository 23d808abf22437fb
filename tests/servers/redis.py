# SPDX-License-Identifier: Apache-2.0
"""Real Redis servers: a single one, or a master and a replica with Sentinels."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.servers.certificates import Tls
from tests.servers.process import Server, binary, free_port, running, wait_until

HOST = "127.0.0.1"
PASSWORD = "redis-p@ss:w/rd#%$"
SENTINEL_PASSWORD = "sentinel-p@ss:w/rd#%$"
MASTER_NAME = "mymaster"


def ssl_options(tls: Tls) -> dict[str, str]:
    """The options of Octavia, taskflow and redis-py for a client of such a server."""
    return {
        "ssl": "True",
        "ssl_ca_certs": str(tls.authority.file),
        "ssl_certfile": str(tls.client.certificate),
        "ssl_keyfile": str(tls.client.key),
    }


def tls_lines(port: int, tls: Tls) -> list[str]:
    """Lines of redis.conf: it speaks TLS only, and asks for a certificate."""
    return [
        "port 0",
        f"tls-port {port}",
        f"tls-ca-cert-file {tls.authority.file}",
        f"tls-cert-file {tls.server.certificate}",
        f"tls-key-file {tls.server.key}",
        "tls-auth-clients yes",
        "tls-replication yes",
    ]


class RedisServer(Server):
    """A Redis or a Sentinel on ``HOST``; with ``tls``, clients need a certificate."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        password: str,
        sentinel: bool = False,
        options: Sequence[str] = (),
        tls: Tls | None = None,
    ) -> None:
        self.tls = tls
        self.host = HOST
        self.port = port
        self.password = password
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "redis.conf"
        config.touch(mode=0o600)
        lines = [
            f"bind {HOST}",
            *([f"port {port}"] if tls is None else tls_lines(port, tls)),
            f"dir {folder}",
            f'requirepass "{password}"',
            *options,
        ]
        config.write_text("\n".join(lines) + "\n")
        argv = [binary("redis-server"), str(config)]
        super().__init__(
            argv + ["--sentinel"] * sentinel, log=folder / "log", ready=self._answers
        )

    def client(self) -> "redis.Redis":
        """A new client, for looking behind the scenes; the caller closes it."""
        options: dict[str, Any] = {}
        if self.tls:  # accepts any name in the server's certificate
            options = {**ssl_options(self.tls), "ssl_check_hostname": False}
        return redis.Redis(self.host, self.port, password=self.password, **options)

    def _answers(self) -> bool:
        with contextlib.closing(self.client()) as client:
            return bool(client.ping())


def running_redis(
    folder: Path,
    *,
    password: str = PASSWORD,
    options: Sequence[str] = (),
    tls: Tls | None = None,
) -> AbstractContextManager[RedisServer]:
    """One Redis on a private port; it keeps its data when it is restarted.

    :param options: further lines of redis.conf.
    """
    durable = ["appendonly yes", "appendfsync always", "save ''"]
    return running(
        RedisServer(
            folder,
            port=free_port(),
            password=password,
            options=[*durable, *options],
            tls=tls,
        )
    )


@dataclass(frozen=True)
class Sentinels:
    """A master, its replica, and the Sentinels that watch them."""

    nodes: tuple[RedisServer, ...]
    sentinels: tuple[RedisServer, ...]
    name: str = MASTER_NAME
    password: str = PASSWORD
    sentinel_password: str = SENTINEL_PASSWORD

    def master(self) -> RedisServer:
        """The node that the first Sentinel reports as the master."""
        with contextlib.closing(self.sentinels[0].client()) as client:
            address = client.sentinel_get_master_addr_by_name(self.name)
        assert isinstance(address, tuple)
        _, port = address
        return next(node for node in self.nodes if node.port == port)


@contextlib.contextmanager
def running_sentinels(
    folder: Path, *, count: int = 1, tls: Tls | None = None
) -> Iterator[Sentinels]:
    """A master, a replica and ``count`` Sentinels; one vote makes a new master."""
    with contextlib.ExitStack() as stack:
        auth = [f'masterauth "{PASSWORD}"', "repl-diskless-sync-delay 0"]
        master = RedisServer(
            folder / "node0",
            port=free_port(),
            password=PASSWORD,
            options=auth,
            tls=tls,
        )
        stack.enter_context(running(master))
        replica = RedisServer(
            folder / "node1",
            port=free_port(),
            password=PASSWORD,
            options=[*auth, f"replicaof {HOST} {master.port}"],
            tls=tls,
        )
        stack.enter_context(running(replica))
        sentinels = tuple(
            RedisServer(
                folder / f"sentinel{number}",
                port=free_port(),
                password=SENTINEL_PASSWORD,
                sentinel=True,
                options=_sentinel_options(master.port),
                tls=tls,
            )
            for number in range(count)
        )
        for sentinel in sentinels:
            stack.enter_context(running(sentinel))
        cloud = Sentinels((master, replica), sentinels)
        wait_until(
            lambda: _sees_replica(cloud),
            what="Sentinel sees the replica",
            state=lambda: _replicas(cloud),
        )
        yield cloud


def _sentinel_options(port: int) -> list[str]:
    return [
        f'sentinel sentinel-pass "{SENTINEL_PASSWORD}"',
        f"sentinel monitor {MASTER_NAME} {HOST} {port} 1",
        f'sentinel auth-pass {MASTER_NAME} "{PASSWORD}"',
        f"sentinel down-after-milliseconds {MASTER_NAME} 500",
        f"sentinel failover-timeout {MASTER_NAME} 3000",
    ]


def _replicas(cloud: Sentinels) -> list[Any]:
    with contextlib.closing(cloud.sentinels[0].client()) as client:
        return list(client.sentinel_slaves(cloud.name))


def _sees_replica(cloud: Sentinels) -> bool:
    replicas = _replicas(cloud)
    return [int(item["port"]) for item in replicas] == [cloud.nodes[1].port] and (
        replicas[0]["master-link-status"] == "ok"
    )


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for the whole session; each test uses its own namespace."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    """A master, a replica and a Sentinel for the whole session."""
    with running_sentinels(tmp_path_factory.mktemp("sentinel")) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def tls_redis(
    tmp_path_factory: pytest.TempPathFactory, tls: Tls
) -> Iterator[RedisServer]:
    """One Redis for the whole session that demands a client certificate."""
    with running_redis(tmp_path_factory.mktemp("redis-tls"), tls=tls) as server:
        yield server


@pytest.fixture(scope="session")
def tls_sentinels(
    tmp_path_factory: pytest.TempPathFactory, tls: Tls
) -> Iterator[Sentinels]:
    """A master, a replica and a Sentinel, all of which demand a client certificate."""
    with running_sentinels(tmp_path_factory.mktemp("sentinel-tls"), tls=tls) as cloud:
        yield cloud
