# SPDX-License-Identifier: Apache-2.0
"""The member of a key-value ensemble on each host, and the options that name it."""

import contextlib
import socket
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.lab.machine import Machine
from tests.servers import etcd
from tests.servers.certificates import Tls
from tests.servers.process import binary
from tests.servers.redis import (
    MASTER_NAME,
    PASSWORD,
    SENTINEL_PASSWORD,
    ssl_options,
    tls_lines,
)
from tests.servers.zookeeper import JAR

METRICS_PORT = 2381
"""Where etcd answers without TLS whether it is well, if its clients need TLS."""

_REDIS = """\
bind {address} 127.0.0.1
{listen}
dir {folder}
requirepass "{password}"
masterauth "{password}"
appendonly yes
repl-diskless-sync-delay 0
# An isolated master refuses writes after 10 s, instead of losing them later.
min-replicas-to-write 1
min-replicas-max-lag 10
"""
_SENTINEL = """\
bind {address} 127.0.0.1
{listen}
dir {folder}
requirepass "{sentinel_password}"
sentinel sentinel-pass "{sentinel_password}"
sentinel monitor {master} {first} 6379 2
sentinel auth-pass {master} "{password}"
sentinel down-after-milliseconds {master} 3000
sentinel failover-timeout {master} 10000
"""
_ZOOKEEPER = """\
dataDir={folder}
clientPort=2181
clientPortAddress={address}
tickTime=1000
initLimit=10
syncLimit=3
admin.enableServer=false
4lw.commands.whitelist=srvr,envi
"""


@dataclass(frozen=True)
class Program:
    """One program of a member; ``answers`` says whether it serves."""

    name: str
    argv: list[str]
    answers: Callable[[], bool]


def options(
    driver: str, addresses: Sequence[str], tls: Tls | None = None
) -> dict[str, str]:
    """The options of ``[octavia]`` or ``[task_flow]`` that name the ensemble."""
    found = {
        "jobboard_backend_driver": f"{driver}_taskflow_driver",
        "jobboard_backend_hosts": ",".join(addresses),
    }
    if driver == "redis":
        found["jobboard_backend_password"] = PASSWORD.replace("$", "$$")
        found["jobboard_redis_sentinel"] = MASTER_NAME
        found["jobboard_redis_sentinel_password"] = SENTINEL_PASSWORD.replace("$", "$$")
    return {**found, **_tls_options(driver, tls)} if tls else found


def _tls_options(driver: str, tls: Tls) -> dict[str, str]:
    if driver == "redis":
        pairs = _dictionary(ssl_options(tls))
        names = ("jobboard_redis_backend_ssl_options",)
        return dict.fromkeys((*names, "jobboard_redis_sentinel_ssl_options"), pairs)
    found = etcd.ssl_options(tls.authority, tls.client)
    return {"jobboard_etcd_ssl_options": _dictionary(found)}


def _dictionary(pairs: Mapping[str, str]) -> str:
    return ",".join(f"{key}:{value}" for key, value in pairs.items())


def install(
    driver: str,
    machine: Machine,
    folder: Path,
    peers: Sequence[Machine],
    tls: Tls | None = None,
) -> None:
    """Write the files of this host's member."""
    folder.mkdir()
    if driver == "redis":
        _write_redis(machine, folder, peers[0], tls)
    elif driver == "zookeeper":
        text = _ZOOKEEPER.format(folder=folder, address=machine.address)
        servers = [f"server.{one.number}={one.address}:2888:3888" for one in peers]
        (folder / "zoo.cfg").write_text(text + "\n".join(servers) + "\n")
        (folder / "myid").write_text(str(machine.number))


def _write_redis(
    machine: Machine, folder: Path, first: Machine, tls: Tls | None
) -> None:
    values = {
        "address": machine.address,
        "folder": folder,
        "password": PASSWORD,
        "sentinel_password": SENTINEL_PASSWORD,
        "master": MASTER_NAME,
        "first": first.address,
    }
    text = _REDIS.format(**values, listen=_listen(6379, tls))
    if machine is not first:
        text += f"replicaof {first.address} 6379\n"
    (folder / "redis.conf").write_text(text)
    text = _SENTINEL.format(**values, listen=_listen(26379, tls))
    (folder / "sentinel.conf").write_text(text)


def _listen(port: int, tls: Tls | None) -> str:
    return "\n".join(tls_lines(port, tls) if tls else [f"port {port}"])


def programs(
    driver: str,
    machine: Machine,
    folder: Path,
    peers: Sequence[Machine],
    tls: Tls | None = None,
) -> list[Program]:
    """What runs on this host."""
    if driver == "redis":
        return _redis(machine, folder, tls)
    if driver == "zookeeper":
        return [_zookeeper(machine, folder)]
    return [_etcd(machine, folder, peers, tls)]


def _redis(machine: Machine, folder: Path, tls: Tls | None) -> list[Program]:
    server, config = binary("redis-server"), str(folder / "redis.conf")
    sentinel = [server, str(folder / "sentinel.conf"), "--sentinel"]
    return [
        Program("redis", [server, config], lambda: _is_replicated(machine, tls)),
        Program("sentinel", sentinel, lambda: _sees_all(machine, tls)),
    ]


def _client(
    machine: Machine, port: int, password: str, tls: Tls | None
) -> "redis.Redis":
    more: dict[str, Any] = dict(ssl_options(tls)) if tls else {}
    return redis.Redis(
        machine.address, port, password=password, socket_timeout=2, **more
    )


def is_leader(driver: str, machine: Machine, tls: Tls | None = None) -> bool:
    """Whether this host's member leads the ensemble, or is the master."""
    if driver == "redis":
        return bool(_replication(machine, tls)["role"] == "master")
    if driver == "zookeeper":
        return b"Mode: leader" in _srvr(machine)
    with urllib.request.urlopen(f"{_etcd_status(machine, tls)}/metrics") as answer:
        return b"\netcd_server_is_leader 1\n" in answer.read()


def _replication(machine: Machine, tls: Tls | None) -> Mapping[str, Any]:
    with contextlib.closing(_client(machine, 6379, PASSWORD, tls)) as client:
        found = client.info("replication")
    assert isinstance(found, dict)
    return found


def _is_replicated(machine: Machine, tls: Tls | None) -> bool:
    found = _replication(machine, tls)
    if found["role"] == "master":
        return bool(found["connected_slaves"] == 2)
    return bool(found["master_link_status"] == "up")


def _sees_all(machine: Machine, tls: Tls | None) -> bool:
    with contextlib.closing(_client(machine, 26379, SENTINEL_PASSWORD, tls)) as client:
        found = client.info("sentinel")
    assert isinstance(found, dict)
    master = found["master0"]
    return bool((master["slaves"], master["sentinels"]) == (2, 3))


def _zookeeper(machine: Machine, folder: Path) -> Program:
    argv = [
        binary("java"),
        "-Xmx64m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        str(JAR),
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        str(folder / "zoo.cfg"),
    ]

    return Program("zookeeper", argv, lambda: b"Mode: " in _srvr(machine))


def _srvr(machine: Machine) -> bytes:
    with socket.create_connection((machine.address, 2181), 2) as conversation:
        conversation.sendall(b"srvr")
        return conversation.makefile("rb").read()


def _etcd(
    machine: Machine, folder: Path, peers: Sequence[Machine], tls: Tls | None
) -> Program:
    scheme = "https" if tls else "http"
    client = f"{scheme}://{machine.address}:2379"
    peer = f"{scheme}://{machine.address}:2380"
    everyone = ",".join(f"{one.name}={scheme}://{one.address}:2380" for one in peers)
    status = _etcd_status(machine, tls)
    argv = [
        binary("etcd"),
        f"--name={machine.name}",
        f"--data-dir={folder / 'data'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={everyone}",
        *(_etcd_tls(tls, status) if tls else ()),
    ]

    def answers() -> bool:
        with urllib.request.urlopen(f"{status}/health", timeout=2) as answer:
            return b'"true"' in answer.read()

    return Program("etcd", argv, answers)


def _etcd_status(machine: Machine, tls: Tls | None) -> str:
    """Where it says how it is, to everybody."""
    return f"http://{machine.address}:{METRICS_PORT if tls else 2379}"


def _etcd_tls(tls: Tls, metrics: str) -> Sequence[str]:
    of_clients = etcd.tls_options(tls.authority, tls.server)
    of_members = etcd.tls_options(tls.authority, tls.server, of="peer-")
    return (*of_clients, *of_members, f"--listen-metrics-urls={metrics}")
