# SPDX-License-Identifier: Apache-2.0
"""What the board in etcd promises while members of the cluster are away."""

import contextlib
import dataclasses
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import etcd3gw
import pytest

from amphv2_bootstrap.engine.board import BoardUnavailableError, ClaimRefusedError
from tests.contract.boards import (
    LONG,
    Boards,
    EtcdBoards,
    ends_wait,
    new_entry,
    posted,
    settings_of,
)
from tests.servers.etcd import CLUSTER, EtcdServer, running_etcd_cluster
from tests.servers.process import running, wait_until

pytestmark = pytest.mark.board("etcd")

FAULTS: Sequence[Callable[[EtcdServer], None]] = (
    EtcdServer.kill,
    lambda member: member.signal(signal.SIGSTOP),
)


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sequence[EtcdServer]]:
    """Three members; each test finds all of them at work."""
    with running_etcd_cluster(tmp_path_factory.mktemp("cluster")) as members:
        yield members


@pytest.fixture
def members(cluster: Sequence[EtcdServer]) -> Iterator[Sequence[EtcdServer]]:
    """The members; all of them work again after the test."""
    yield cluster
    for member in cluster:
        try:
            member.signal(signal.SIGCONT)
        except ProcessLookupError:
            member.start()
    for member in cluster:
        wait_until(member.answers, what=f"the member {member.host} answers again")


@pytest.fixture
def boards(members: Sequence[EtcdServer]) -> Iterator[Boards]:
    """Boards that know all members."""
    settings = dataclasses.replace(settings_of("etcd", members[0]), hosts=CLUSTER)
    with contextlib.closing(EtcdBoards(settings)) as boards:
        yield boards


@pytest.mark.parametrize("away", FAULTS, ids=("killed", "frozen"))
def test_the_first_member_is_away(
    boards: Boards, members: Sequence[EtcdServer], away: Callable[[EtcdServer], None]
) -> None:
    """No call fails, no claim is lost, and nothing acknowledged is lost."""
    board, other = boards.open(), boards.open()
    entry = posted(board)
    board.claim_entry(entry, "me", LONG)
    away(members[0])
    assert board.renew(entry, "me", LONG)
    with pytest.raises(ClaimRefusedError):
        other.claim_entry(entry, "other", LONG)
    second = posted(boards.open(), 2)
    other.claim_entry(second, "other", LONG)
    assert [found.claimed for found in board.entries()] == [True, True]
    assert board.release(entry, "me")
    assert other.remove(second, "other")
    assert [found.claimed for found in other.entries()] == [False]


@pytest.mark.parametrize("away", FAULTS, ids=("killed", "frozen"))
def test_a_wait_is_ended_through_another_member(
    boards: Boards, members: Sequence[EtcdServer], away: Callable[[EtcdServer], None]
) -> None:
    """When a call has found the member away, the board listens to another one."""
    board, other = boards.open(), boards.open()
    board.entries()
    away(members[0])
    assert ends_wait(board, lambda: other.post_entry(new_entry()))


def test_a_member_without_a_leader(
    boards: Boards, members: Sequence[EtcdServer], tmp_path: Path
) -> None:
    """Calls go past a member that can't reach its cluster; their error names it.

    The second host, a cluster of its own here, stands for the majority.
    """
    majority = EtcdServer(tmp_path, host="127.0.0.9", port=boards.settings.port)
    with running(majority):
        board = boards.open(hosts=(members[0].host, majority.host))
        for member in members[1:]:
            member.kill()
        wait_until(lambda: is_without_leader(members[0]), what="the leader is gone")
        entry = posted(board)
        board.claim_entry(entry, "me", LONG)
        assert board.renew(entry, "me", LONG)
        majority.kill()
        with pytest.raises(BoardUnavailableError) as caught:
            board.entries()
    for reason in ("127.0.0.9: .*Connection refused", "127.0.0.1: .*no leader"):
        assert re.search(reason, str(caught.value))


def is_without_leader(member: EtcdServer) -> bool:
    client = etcd3gw.client(member.host, member.port, timeout=10)
    return int(client.status().get("leader", 0)) == 0
