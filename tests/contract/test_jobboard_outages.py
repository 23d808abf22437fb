# SPDX-License-Identifier: Apache-2.0
"""What every jobboard with a server promises while the server does not answer."""

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
    ends_wait,
    new_entry,
    posted,
    settle,
    wait_for_answers,
)
from tests.contract.test_jobboards import in_parallel
from tests.servers.process import wait_until
from tests.servers.proxy import running_proxy

BOUND = 20.0
"""The longest time of a call, in seconds, also on a slow machine."""


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
    """Boards; their server runs again after the test."""
    yield served
    try:
        served.server.signal(signal.SIGCONT)
    except ProcessLookupError:
        served.server.start()


def must_be_unavailable(board: Board, entry: Entry, name: str) -> str:
    """Make one call that must fail in time; return its message."""
    began = time.monotonic()
    with pytest.raises(BoardUnavailableError) as caught:
        CALLS[name](board, entry)
    assert time.monotonic() - began < BOUND
    return str(caught.value)


def test_down(boards: Boards) -> None:
    """If the server is down, every call fails in a bounded time."""
    board = boards.open()
    entry = posted(board)
    boards.server.kill()
    for name in CALLS:
        message = must_be_unavailable(board, entry, name)
        assert boards.settings.servers[0] in message


def test_hanging(boards: Boards) -> None:
    """If the server accepts connections but never answers, calls fail in time."""
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
    """A dead connection is replaced, and no claim is lost."""
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
    """After a restart of the server the board works, with all entries and claims."""
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


def test_a_change_ends_a_wait_after_a_restart(boards: Boards) -> None:
    """Changes end a wait also after the server was restarted."""
    board, other = boards.open(), boards.open()
    settle(board)
    boards.server.kill()
    assert not answers(board)
    boards.server.start()
    wait_for_answers(board, other, what="both boards work")
    assert ends_wait(board, lambda: other.post_entry(new_entry()))


def test_a_wait_survives_an_outage(boards: Boards) -> None:
    """While the server is down, a wait neither fails nor returns at once."""
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
    """A board that could not connect works as soon as the server runs."""
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
    """Every call on a closed board fails and says that it is closed."""
    board = served.open()
    entry = posted(board)
    board.close()
    for name in CALLS:
        if name != "connect":
            with pytest.raises(BoardUnavailableError, match="closed"):
                CALLS[name](board, entry)


def test_closing_ends_a_wait(served: Boards) -> None:
    """Closing a board ends a wait on it."""
    board = served.open()
    assert ends_wait(board, board.close)


def test_closing_ends_all_threads(served: Boards) -> None:
    """A closed board has no thread left."""
    before = set(threading.enumerate())
    board = served.open()
    board.claim_entry(posted(board), "me", LONG)
    settle(board)
    board.close()
    wait_until(
        lambda: set(threading.enumerate()) <= before, what="the board's threads ended"
    )
