# SPDX-License-Identifier: Apache-2.0
"""What each backend sees of a board: taskflow's formats, and few requests."""

import contextlib
import re
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from taskflow.jobs.backends import impl_etcd, impl_redis, impl_zookeeper

from amphv2_bootstrap.errors import ConflictError
from tests.contract.boards import (
    GARBAGE,
    LONG,
    Boards,
    etcd,
    new_entry,
    posted,
    zookeeper,
)

PLAIN: dict[str, Callable[..., Any]] = {
    "redis": impl_redis.RedisJobBoard,
    "zookeeper": impl_zookeeper.ZookeeperJobBoard,
    "etcd": impl_etcd.EtcdJobBoard,
}


def test_taskflow_reads_it(served: Boards) -> None:
    """taskflow's own board reads our entries, and sees which are claimed."""
    board: Any = served.open()
    entries = [posted(board, number) for number in (1, 2)]
    board.claim_entry(entries[0], "me", LONG)
    (host,), port = served.settings.hosts, served.settings.port
    conf = {**board._conf, "host": host, "port": port, "check_compatible": False}
    plain = PLAIN[served.settings.driver](served.settings.namespace, conf)
    plain.connect()
    with contextlib.closing(plain):
        for reader in (plain, board):
            found = {job.uuid: job for job in reader.iterjobs(ensure_fresh=True)}
            assert {uuid: job.state for uuid, job in found.items()} == {
                entries[0].uuid: "CLAIMED",
                entries[1].uuid: "UNCLAIMED",
            }
            assert found[entries[1].uuid].details == new_entry(2).details
            assert found[entries[1].uuid].book_uuid == new_entry(2).book_uuid
        assert plain.find_owner(found[entries[0].uuid]) == "me"


def test_listing_costs_the_same_for_many(served: Boards) -> None:
    """The number of requests does not grow with the number of entries."""
    board = served.open()
    for number in range(1, 41):
        board.post_entry(new_entry(number))
    assert len(board.entries()) == 40
    before = requests(served)
    assert len(board.entries()) == 40
    assert requests(served) - before <= 2


def requests(boards: Boards) -> int:
    """How many requests for entries the server has answered so far."""
    server: Any = boards.server
    return REQUESTS[boards.settings.driver](server)


def _redis_reads(server: Any) -> int:
    with contextlib.closing(server.client()) as client:
        counts = client.info("commandstats")
    reads = ("hget", "hgetall", "mget", "get", "exists", "evalsha")
    return sum(counts.get(f"cmdstat_{name}", {}).get("calls", 0) for name in reads)


def _zookeeper_packets(server: Any) -> int:
    with socket.create_connection((server.host, server.port), 10) as connection:
        connection.sendall(b"srvr")
        answer = connection.makefile().read()
    # This request is one of them.
    return int(re.findall(r"Received: (\d+)", answer)[0])


def _etcd_ranges(server: Any) -> int:
    url = f"http://{server.host}:{server.port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    counted = r'grpc_server_handled_total{grpc_code="OK",grpc_method="Range".* (\d+)'
    return int(re.findall(counted, text)[0])


REQUESTS: dict[str, Callable[[Any], int]] = {
    "redis": _redis_reads,
    "zookeeper": _zookeeper_packets,
    "etcd": _etcd_ranges,
}


@pytest.mark.parametrize(
    "served", [zookeeper, etcd], indirect=True, ids=lambda maker: maker.__name__
)
def test_a_place_that_is_taken(served: Boards) -> None:
    """Posting fails if the entry's place is taken, and leaves the other entry alone.

    In Redis the place of an entry is its uuid, so no other entry has it.
    """
    served.plant()
    planted = served.contents()
    board = served.open()
    for number in range(1, len(GARBAGE)):
        with pytest.raises(ConflictError):
            board.post_entry(new_entry(number))
    assert served.contents() == planted
