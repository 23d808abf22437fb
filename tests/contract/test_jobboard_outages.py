# SPDX-License-Identifier: Apache-2.0
"""What every jobboard with a server promises while that server is away."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from amphv2_bootstrap.engine.board import Board, BoardUnavailableError, Entry
from tests.contract.boards import (
    LONG,
    Boards,
    answers,
    can_claim,
    new_entry,
    posted,
    settle,
    wait_for_answers,
)
from tests.contract.test_jobboards import in_parallel
from tests.servers.process import wait_until
from tests.servers.proxy import running_proxy

BOUND = 20.0
"""Seconds that no call may take, on however slow a machine."""


def _reconnect(board: Board, _: Entry) -> None:
    board.close()
    board.connect()


CALLS: dict[str, Callable[[Board, Entry], object]] = {
    "entries": lambda board, entry: board.entries(),
    "post": lambda board, entry: board.post_entry(new_entry(9)),
    "claim": lambda board, entry: board.claim_entry(entry, "me", LONG),
    "renew": lambda board, entry: board.renew(entry, "me", LONG),
    "release": lambda board, entry: board.release(entry, "me"),
    "remove": lambda board, entry: board.remove(entry, "me"),
    "connect": _reconnect,
}


@pytest.fixture
def boards(served: Boards) -> Iterator[Boards]:
    """Boards whose server is up again after the test."""
    yield served
    try:
        served.server.signal(signal.SIGCONT)
    except ProcessLookupError:
        served.server.start()


def must_be_unavailable(board: Board, entry: Entry, name: str) -> str:
    """Make one call that has to fail in time; its message."""
    began = time.monotonic()
    with pytest.raises(BoardUnavailableError) as caught:
        CALLS[name](board, entry)
    assert time.monotonic() - began < BOUND
    return str(caught.value)


def test_down(boards: Boards) -> None:
    """Every call says in a bounded time that the server is down."""
    board = boards.open()
    entry = posted(board)
    boards.server.kill()
    for name in CALLS:
        message = must_be_unavailable(board, entry, name)
        assert boards.settings.servers[0] in message


def test_hanging(boards: Boards) -> None:
    """A server that takes connections and never answers doesn't hold up a call."""
    board = boards.open()
    entry = posted(board)
    boards.server.signal(signal.SIGSTOP)
    in_parallel(
        [
            partial(must_be_unavailable, board, entry, name)
            for name in ("entries", "post", "claim", "renew")
        ]
    )
    boards.server.signal(signal.SIGCONT)
    wait_for_answers(board, what="the board works again")


def test_vanished_peer(served: Boards) -> None:
    """A connection that died without a word is replaced, and no claim is lost."""
    host, port = served.settings.hosts[0], served.settings.port
    with running_proxy(host, port) as proxy:
        board = served.open(port=proxy.port)
        entry = posted(board)
        board.claim_entry(entry, "me", LONG)
        proxy.freeze()
        wait_for_answers(board, what="the board has a new connection")
        assert board.renew(entry, "me", LONG)
        board.close()


def test_restarted(boards: Boards) -> None:
    """After a restart the board works by itself; jobs and claims are still there."""
    board, other = boards.open(), boards.open()
    claimed, free = posted(board, 1), posted(board, 2)
    board.claim_entry(claimed, "me", LONG)
    boards.server.kill()
    assert not answers(board)
    boards.server.start()
    wait_for_answers(board, other, what="both boards work")
    assert [(entry.uuid, entry.claimed) for entry in board.entries()] == [
        (claimed.uuid, True),
        (free.uuid, False),
    ]
    assert not can_claim(other, claimed, "other")
    assert board.renew(claimed, "me", LONG)
    assert board.remove(claimed, "me")


def test_waiter_hears_after_a_restart(boards: Boards) -> None:
    """Changes wake a waiter also after the server was restarted."""
    board, other = boards.open(), boards.open()
    settle(board)
    boards.server.kill()
    assert not answers(board)
    boards.server.start()
    wait_for_answers(board, other, what="both boards work")
    settle(board)
    timer = threading.Timer(0.1, other.post_entry, [new_entry()])
    timer.start()
    began = time.monotonic()
    board.wait_for_change(LONG)
    timer.join()
    assert time.monotonic() - began < LONG / 2


def test_waiter_outlives_an_outage(boards: Boards) -> None:
    """A wait neither fails nor spins while the server is down."""
    board = boards.open()
    settle(board)
    boards.server.kill()
    wait_until(lambda: not answers(board), what="the board noticed")
    began, waits = time.monotonic(), 0
    while time.monotonic() - began < 1.0:
        board.wait_for_change(0.5)
        waits += 1
    assert waits < 20


def test_opened_while_down(boards: Boards) -> None:
    """A board that was opened in vain works as soon as the server is there."""
    boards.open().post_entry(new_entry())
    boards.server.kill()
    board = boards.make()
    with pytest.raises(BoardUnavailableError):
        board.connect()
    assert not answers(board)
    boards.server.start()
    wait_for_answers(board, what="the board works without a new connect")
    assert len(board.entries()) == 1


def test_closed(served: Boards) -> None:
    """A closed board says so, and stays closed."""
    board = served.open()
    entry = posted(board)
    board.close()
    for name in CALLS:
        if name != "connect":
            with pytest.raises(BoardUnavailableError, match="closed"):
                CALLS[name](board, entry)


def test_closing_ends_a_wait(served: Boards) -> None:
    """Whoever waits on a board that gets closed is not left waiting."""
    board = served.open()
    settle(board)
    timer = threading.Timer(0.1, board.close)
    timer.start()
    began = time.monotonic()
    board.wait_for_change(LONG)
    timer.join()
    assert time.monotonic() - began < LONG / 2


def test_closing_ends_all_threads(served: Boards) -> None:
    """A board leaves no thread behind."""
    before = set(threading.enumerate())
    board = served.open()
    board.claim_entry(posted(board), "me", LONG)
    settle(board)
    board.close()
    wait_until(
        lambda: set(threading.enumerate()) <= before, what="the board's threads ended"
    )
