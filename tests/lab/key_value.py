# SPDX-License-Identifier: Apache-2.0
"""The member of a key-value ensemble on each host, and the options that name it."""

import contextlib
import socket
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.lab.machine import Machine
from tests.servers.process import binary
from tests.servers.redis import MASTER_NAME, PASSWORD, SENTINEL_PASSWORD
from tests.servers.zookeeper import JAR

DRIVERS = ("redis", "zookeeper", "etcd")

_REDIS = """\
bind {address} 127.0.0.1
port 6379
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
port 26379
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


def options(driver: str, addresses: Sequence[str]) -> dict[str, str]:
    """The options of ``[octavia]`` or ``[task_flow]`` that name the ensemble."""
    found = {
        "jobboard_backend_driver": f"{driver}_taskflow_driver",
        "jobboard_backend_hosts": ",".join(addresses),
    }
    if driver == "redis":
        found["jobboard_backend_password"] = PASSWORD.replace("$", "$$")
        found["jobboard_redis_sentinel"] = MASTER_NAME
        found["jobboard_redis_sentinel_password"] = SENTINEL_PASSWORD.replace("$", "$$")
    return found


def install(
    driver: str, machine: Machine, folder: Path, peers: Sequence[Machine]
) -> None:
    """Write the files of this host's member."""
    folder.mkdir()
    if driver == "redis":
        _write_redis(machine, folder, peers[0])
    elif driver == "zookeeper":
        text = _ZOOKEEPER.format(folder=folder, address=machine.address)
        servers = [f"server.{one.number}={one.address}:2888:3888" for one in peers]
        (folder / "zoo.cfg").write_text(text + "\n".join(servers) + "\n")
        (folder / "myid").write_text(str(machine.number))


def _write_redis(machine: Machine, folder: Path, first: Machine) -> None:
    values = {
        "address": machine.address,
        "folder": folder,
        "password": PASSWORD,
        "sentinel_password": SENTINEL_PASSWORD,
        "master": MASTER_NAME,
        "first": first.address,
    }
    text = _REDIS.format(**values)
    if machine is not first:
        text += f"replicaof {first.address} 6379\n"
    (folder / "redis.conf").write_text(text)
    (folder / "sentinel.conf").write_text(_SENTINEL.format(**values))


def programs(
    driver: str, machine: Machine, folder: Path, peers: Sequence[Machine]
) -> list[Program]:
    """What runs on this host."""
    if driver == "redis":
        return _redis(machine, folder)
    if driver == "zookeeper":
        return [_zookeeper(machine, folder)]
    return [_etcd(machine, folder, peers)]


def _redis(machine: Machine, folder: Path) -> list[Program]:
    server, config = binary("redis-server"), str(folder / "redis.conf")
    sentinel = [server, str(folder / "sentinel.conf"), "--sentinel"]
    return [
        Program("redis", [server, config], lambda: _is_replicated(machine)),
        Program("sentinel", sentinel, lambda: _sees_all(machine)),
    ]


def _is_replicated(machine: Machine) -> bool:
    with contextlib.closing(
        redis.Redis(machine.address, 6379, password=PASSWORD, socket_timeout=2)
    ) as client:
        found = client.info("replication")
    assert isinstance(found, dict)
    if found["role"] == "master":
        return bool(found["connected_slaves"] == 2)
    return bool(found["master_link_status"] == "up")


def _sees_all(machine: Machine) -> bool:
    with contextlib.closing(
        redis.Redis(
            machine.address, 26379, password=SENTINEL_PASSWORD, socket_timeout=2
        )
    ) as client:
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

    def answers() -> bool:
        with socket.create_connection((machine.address, 2181), 2) as conversation:
            conversation.sendall(b"srvr")
            return b"Mode: " in conversation.makefile("rb").read()

    return Program("zookeeper", argv, answers)


def _etcd(machine: Machine, folder: Path, peers: Sequence[Machine]) -> Program:
    client = f"http://{machine.address}:2379"
    peer = f"http://{machine.address}:2380"
    everyone = ",".join(f"{one.name}=http://{one.address}:2380" for one in peers)
    argv = [
        binary("etcd"),
        f"--name={machine.name}",
        f"--data-dir={folder / 'data'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={everyone}",
    ]

    def answers() -> bool:
        with urllib.request.urlopen(f"{client}/health", timeout=2) as answer:
            return b'"true"' in answer.read()

    return Program("etcd", argv, answers)
