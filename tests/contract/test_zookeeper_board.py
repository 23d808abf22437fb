# SPDX-License-Identifier: Apache-2.0
"""What only the board in ZooKeeper promises."""

from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss

from amphv2_bootstrap.engine.board import BoardUnavailableError
from amphv2_bootstrap.errors import PermanentError
from tests.contract.boards import (
    LONG,
    Boards,
    fixture_of,
    posted,
    wait_for_answers,
    wait_for_claim,
    zookeeper,
)
from tests.servers.proxy import running_proxy

pytestmark = pytest.mark.board("zookeeper")
boards = fixture_of(zookeeper)


def test_claim_with_a_lost_answer(boards: Boards) -> None:
    """If the answer to a claim is lost, the board releases the claim."""
    board: Any = boards.open()
    other = boards.open()
    entry = posted(board)
    commit = board._commit

    def lose_answer(change: Any) -> None:
        board._commit = commit
        commit(change)
        raise ConnectionLoss

    board._commit = lose_answer
    with pytest.raises(BoardUnavailableError):
        board.claim_entry(entry, "me", LONG)
    wait_for_claim(other, entry, "other", "the claim is released")


def test_lost_session(boards: Boards) -> None:
    """A board that loses its session loses its claims, says so, and works on."""
    host, port = boards.settings.hosts[0], boards.settings.port
    with running_proxy(host, port) as proxy:
        board: Any = boards.open(port=proxy.port)
        other = boards.open()
        entry = posted(board)
        board.claim_entry(entry, "me", LONG)
        session = board._client.client_id
        # If both were connected, they would take the session from each other forever.
        proxy.cut()
        _end_session(boards, session)
        wait_for_claim(other, entry, "other", "the claim is gone")
        proxy.heal()
        wait_for_answers(board, what="the board has a new session")
        assert not board.renew(entry, "me", LONG)
        assert other.renew(entry, "other", LONG)
        assert other.release(entry, "other")
        board.claim_entry(entry, "me", LONG)


def _end_session(boards: Boards, session: tuple[int, bytes]) -> None:
    client = KazooClient(boards.settings.servers[0], client_id=session)
    client.start()
    client.stop()
    client.close()


def test_new_claim_is_not_mistaken_for_the_old(boards: Boards) -> None:
    """A release that meant an older claim does not end a newer one."""
    board: Any = boards.open()
    other = boards.open()
    entry = posted(board)
    other.claim_entry(entry, "other", LONG)
    commit = board._commit

    def too_late(change: Any) -> bool:
        assert other.release(entry, "other")
        other.claim_entry(entry, "third", LONG)
        done: bool = commit(change)
        return done

    board._commit = too_late
    assert not board.release(entry, "other")
    assert other.renew(entry, "third", LONG)


def test_a_session_that_is_too_short_is_refused(boards: Boards) -> None:
    """The board refuses an expiry that is too long for maxSessionTimeout."""
    with pytest.raises(PermanentError, match="jobboard_expiration_time to 66 or less"):
        boards.open(expiry=100.0)
    boards.open(expiry=66.0)
