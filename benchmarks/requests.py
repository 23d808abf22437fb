# SPDX-License-Identifier: Apache-2.0
"""The number of requests that a jobboard's server has answered, by its own count."""

import re
import socket
import urllib.request
from collections.abc import Callable

from benchmarks.servers import Servers

_GRPC = re.compile(r"^grpc_server_started_total\{[^}]*\} (\S+)$", re.M)
_RECEIVED = re.compile(r"^Received: (\d+)$", re.M)


def counter(servers: Servers, board: str) -> Callable[[], int] | None:
    """Reads the server's counter, without the requests of this reading.

    None for SQLite, which has no server.
    """
    makers = {
        "redis": _redis,
        "zookeeper": _zookeeper,
        "etcd": _etcd,
        "sql on MariaDB": _mariadb,
    }
    return makers[board](servers) if board in makers else None


def _redis(servers: Servers) -> Callable[[], int]:
    """All commands, including those that a script calls."""
    client = servers.redis.client()
    ours = ("cmdstat_info", "cmdstat_auth", "cmdstat_hello", "cmdstat_client")

    def count() -> int:
        stats = client.info("commandstats")
        return sum(stats[name]["calls"] for name in stats if not name.startswith(ours))

    return count


def _zookeeper(servers: Servers) -> Callable[[], int]:
    """Received packets, including pings of idle sessions."""
    server = servers.zookeeper
    own = 0

    def count() -> int:
        nonlocal own
        own += 1
        with socket.create_connection((server.host, server.port), 5) as conversation:
            conversation.sendall(b"srvr")
            text = conversation.makefile("rb").read().decode()
        found = _RECEIVED.search(text)
        assert found, text
        return int(found[1]) - own

    return count


def _etcd(servers: Servers) -> Callable[[], int]:
    """Calls of its API, including those through the gateway."""
    url = f"http://{servers.etcd.host}:{servers.etcd.port}/metrics"

    def count() -> int:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        return sum(int(float(calls)) for calls in _GRPC.findall(text))

    return count


def _mariadb(servers: Servers) -> Callable[[], int]:
    """Statements of all other clients."""
    cursor = servers.mariadb.connect().cursor()

    def questions(scope: str) -> int:
        cursor.execute(f"SHOW {scope} STATUS LIKE 'Questions'")
        return int(cursor.fetchall()[0][1])

    def count() -> int:
        everyone = questions("GLOBAL")
        return everyone - (questions("SESSION") - 1)

    return count
