# SPDX-License-Identifier: Apache-2.0
"""What every jobboard promises the engine, on real servers."""

import concurrent.futures
import dataclasses
import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.synchronize import Event as ProcessEvent
from typing import TypeVar

import pytest

from amphv2_bootstrap.engine.board import Board, ClaimRefusedError, Entry
from amphv2_bootstrap.jobboards.settings import BoardSettings
from tests.contract.boards import (
    LONG,
    Boards,
    can_claim,
    ends_wait,
    new_entry,
    open_board,
    posted,
    settle,
    wait_for_claim,
)
from tests.servers.process import wait_until

T = TypeVar("T")


def in_parallel(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of ``tasks``, started at the same moment."""
    start = threading.Barrier(len(tasks))

    def run(task: Callable[[], T]) -> T:
        start.wait(30)
        return task()

    with concurrent.futures.ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(run, tasks))


def test_an_entry_is_found_as_it_was_posted(board_factory: Boards) -> None:
    """Another board finds the posted entry, with its details, unclaimed."""
    board_factory.open().post_entry(new_entry())
    (entry,) = board_factory.open().entries()
    assert (entry.uuid, entry.name) == (new_entry().uuid, new_entry().name)
    assert entry.details == new_entry().details
    assert not entry.claimed


def test_posting_twice_leaves_one(board_factory: Boards) -> None:
    """Posting is safe to repeat, also by another board, and for a claimed entry."""
    board, other = board_factory.open(), board_factory.open()
    board.claim_entry(posted(board), "me", LONG)
    board.post_entry(new_entry())
    other.post_entry(new_entry())
    (entry,) = other.entries()
    assert entry.claimed


def test_concurrent_postings_leave_one(board_factory: Boards) -> None:
    """An entry that several boards post at the same time is there once."""
    boards = [board_factory.open() for _ in range(4)]
    in_parallel([partial(board.post_entry, new_entry()) for board in boards])
    assert [entry.uuid for entry in boards[0].entries()] == [new_entry().uuid]


def test_oldest_first(board_factory: Boards) -> None:
    """Entries are listed by their sequence, whatever the order of posting."""
    board = board_factory.open()
    for sequence in (3, 1, 11, 2, 10):
        board.post_entry(new_entry(sequence))
    found = [entry.details["number"] for entry in board.entries()]
    assert found == [1, 2, 3, 10, 11]


def test_empty_board(board_factory: Boards) -> None:
    """A new board has no entries."""
    assert list(board_factory.open().entries()) == []


def test_claim_excludes_others(board_factory: Boards) -> None:
    """A claimed entry is listed as claimed, and refused to another owner."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(board)
    board.claim_entry(entry, "me", LONG)
    (seen,) = other.entries()
    assert seen.claimed
    with pytest.raises(ClaimRefusedError):
        other.claim_entry(seen, "other", LONG)


def test_one_of_many_wins(board_factory: Boards) -> None:
    """If several claim an entry at the same time, exactly one succeeds."""
    boards = [board_factory.open() for _ in range(4)]
    for sequence in range(1, 6):
        entry = posted(boards[0], sequence)
        claims = [
            partial(can_claim, board, entry, f"owner{number}")
            for number, board in enumerate(boards)
        ]
        assert in_parallel(claims).count(True) == 1


def test_owner_is_refused_its_own_claim(board_factory: Boards) -> None:
    """A second claim by the same owner is refused, and does not renew the first."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(board)
    board.claim_entry(entry, "me", LONG)
    for again in (board, other):
        with pytest.raises(ClaimRefusedError):
            again.claim_entry(entry, "me", LONG)
    assert board.release(entry, "me")
    board.claim_entry(entry, "me", board_factory.short)
    wait_for_claim(other, entry, "me", "the claim expired all the same")


def test_claim_expires(board_factory: Boards) -> None:
    """A claim lasts until its expiry; then another owner can claim the entry."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(board)
    began = time.monotonic()
    board.claim_entry(entry, "me", board_factory.short)
    wait_for_claim(other, entry, "other", "the claim expired")
    # The backend has its own clock, which counts milliseconds.
    assert time.monotonic() - began > 0.95 * board_factory.short
    assert not board.renew(entry, "me", LONG)
    assert not board.release(entry, "me")
    assert not board.remove(entry, "me")
    assert other.renew(entry, "other", LONG)


def test_an_expired_claim_is_listed_as_unclaimed(board_factory: Boards) -> None:
    """The list shows an entry as unclaimed once its claim has expired."""
    board = board_factory.open()
    board.claim_entry(posted(board), "me", board_factory.short)
    wait_until(
        lambda: not board_factory.open().entries()[0].claimed, what="it shows unclaimed"
    )


def test_renewed_claim_lasts(board_factory: Boards) -> None:
    """A claim that is renewed in time lasts longer than its expiry."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(board)
    for _ in range(10):
        board.claim_entry(entry, "me", board_factory.short)
        if keeps_claim(board, other, entry, board_factory.short):
            return
        wait_for_claim(other, entry, "cleaner", "the claim expired")
        other.release(entry, "cleaner")
    pytest.fail("this machine is too slow: no claim was ever renewed in time")


def keeps_claim(board: Board, other: Board, entry: Entry, expiry: float) -> bool:
    """Renew for three expiries, while another claims; False if we were too slow."""
    began = renewed = time.monotonic()
    while time.monotonic() < began + 3 * expiry:
        kept, lost = board.renew(entry, "me", expiry), can_claim(other, entry, "other")
        if time.monotonic() - renewed > 0.8 * expiry:
            other.release(entry, "other")
            return False
        renewed = time.monotonic()
        assert kept
        assert not lost
        time.sleep(expiry / 20)
    return True


def test_only_the_owner_renews(board_factory: Boards) -> None:
    """A renewal under another name returns False, and does not renew the claim."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(board)
    assert not other.renew(entry, "other", LONG)
    board.claim_entry(entry, "me", board_factory.short)

    def taken_over() -> bool:
        assert not other.renew(entry, "other", LONG)
        return can_claim(other, entry, "third")

    wait_until(taken_over, what="the claim expired all the same")


def test_a_released_entry_is_free_at_once(board_factory: Boards) -> None:
    """Only its owner releases an entry; then another can claim it."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(board)
    assert not board.release(entry, "me")
    board.claim_entry(entry, "me", LONG)
    assert not other.release(entry, "other")
    assert board.release(entry, "me")
    assert not board.release(entry, "me")
    other.claim_entry(entry, "other", LONG)
    assert not board.renew(entry, "me", LONG)


def test_release_on_behalf_of_a_dead_owner(board_factory: Boards) -> None:
    """Another board may release a claim under the owner's name."""
    board, other = board_factory.open(), board_factory.open()
    posted(board)
    board.claim_entry(board.entries()[0], "dead", LONG)
    (entry,) = other.entries()
    assert not other.release(entry, "not dead")
    assert other.release(entry, "dead")
    other.claim_entry(entry, "me", LONG)
    assert not board.renew(entry, "dead", LONG)
    assert not other.release(entry, "dead")


def test_a_removed_entry_is_gone(board_factory: Boards) -> None:
    """Only its owner removes an entry; then every call for it is refused."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(board)
    kept = posted(board, 2)
    assert not board.remove(entry, "me")
    board.claim_entry(entry, "me", LONG)
    assert not other.remove(entry, "other")
    assert board.remove(entry, "me")
    assert [left.uuid for left in other.entries()] == [kept.uuid]
    with pytest.raises(ClaimRefusedError):
        other.claim_entry(entry, "other", LONG)
    assert not board.renew(entry, "me", LONG)
    assert not board.release(entry, "me")
    assert not board.remove(entry, "me")


def test_a_removed_entry_can_be_posted_again(board_factory: Boards) -> None:
    """An entry that is posted again is found and claimed like any other."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(board)
    other.entries()
    board.claim_entry(entry, "me", LONG)
    board.remove(entry, "me")
    again = posted(other)
    assert not again.claimed
    board.claim_entry(again, "me", LONG)


def test_an_entry_under_removal_cannot_be_claimed(board_factory: Boards) -> None:
    """A claim at the time of the removal is refused."""
    board, other = board_factory.open(), board_factory.open()
    for sequence in range(1, 11):
        entry = posted(board, sequence)
        board.claim_entry(entry, "me", LONG)
        removed, claimed = in_parallel(
            [partial(board.remove, entry, "me"), partial(_try_to_claim, other, entry)]
        )
        assert (removed, claimed) == (True, False)
    assert list(board.entries()) == []


def _try_to_claim(board: Board, entry: Entry) -> bool:
    return any(can_claim(board, entry, "other") for _ in range(5))


def test_invalid_entries_are_ignored(board_factory: Boards) -> None:
    """An invalid entry is not listed, not touched, and disturbs no valid one."""
    board_factory.plant()
    planted = board_factory.contents()
    assert planted
    board = board_factory.open()
    entry = posted(board, 12)
    assert [found.uuid for found in board.entries()] == [new_entry(12).uuid]
    board.claim_entry(entry, "me", LONG)
    assert board.remove(entry, "me")
    assert list(board.entries()) == []
    assert board_factory.contents() == planted


def test_changes_of_others_end_a_wait(board_factory: Boards) -> None:
    """A post and a release by another board end a wait."""
    board, other = board_factory.open(), board_factory.open()
    entry = posted(other, 1)
    other.claim_entry(entry, "other", LONG)
    assert ends_wait(board, lambda: other.post_entry(new_entry(2)))
    assert ends_wait(board, lambda: other.release(entry, "other"))


def test_a_wait_does_not_end_before_the_entry_is_visible(board_factory: Boards) -> None:
    """After each wait, or the next one, the board lists the new entry."""
    board, other = board_factory.open(), board_factory.open()
    settle(board)
    began = time.monotonic()
    for number in range(1, 11):
        timer = threading.Timer(0.01, other.post_entry, [new_entry(number)])
        timer.start()
        while len(board.entries()) < number:
            board.wait_for_change(LONG)
        timer.join()
    assert time.monotonic() - began < LONG / 2


def test_interrupt_ends_a_wait(board_factory: Boards) -> None:
    """An interrupt ends a wait, also if it came before the wait."""
    board = board_factory.open()
    assert ends_wait(board, board.interrupt)
    settle(board)
    began = time.monotonic()
    board.interrupt()
    board.wait_for_change(LONG)
    assert time.monotonic() - began < LONG / 2


def test_wait_ends_by_itself(board_factory: Boards) -> None:
    """Without a change, a wait ends after its timeout."""
    board = board_factory.open()
    settle(board)
    began = time.monotonic()
    board.wait_for_change(0.3)
    assert time.monotonic() - began < LONG / 2


def test_connect_and_close_twice(board_factory: Boards) -> None:
    """Both are safe to repeat, and a closed board can connect again."""
    board = board_factory.open()
    board.connect()
    board.post_entry(new_entry())
    board.close()
    board.close()
    board.connect()
    assert len(board.entries()) == 1


def test_claim_of_a_killed_process(board_factory: Boards) -> None:
    """The claim of a killed process can be released, or expires."""
    board = board_factory.open()
    released, expired = posted(board, 1), posted(board, 2)
    expiry = 2.0
    settings = dataclasses.replace(board_factory.settings, expiry=expiry)
    context = multiprocessing.get_context("spawn")
    claimed = context.Event()
    child = context.Process(target=claim_all, args=(settings, expiry, claimed))
    child.start()
    try:
        assert claimed.wait(60)
    finally:
        child.kill()
        child.join()
    board.release(released, "child")
    board.claim_entry(released, "me", LONG)
    wait_for_claim(board, expired, "me", "the claim expired")


def claim_all(settings: BoardSettings, expiry: float, claimed: ProcessEvent) -> None:
    """Claim all entries, and renew the claims until this process is killed."""
    board = open_board(settings)
    board.connect()
    entries = board.entries()
    for entry in entries:
        board.claim_entry(entry, "child", expiry)
    claimed.set()
    while True:
        for entry in entries:
            board.renew(entry, "child", expiry)
        time.sleep(expiry / 10)
