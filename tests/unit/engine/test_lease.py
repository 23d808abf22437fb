# SPDX-License-Identifier: Apache-2.0
"""The lease: renewed while it may be, lost before anybody else can claim."""

import threading
import time

import pytest

from amphv2_bootstrap.engine.board import BoardUnavailableError, Entry
from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.lease import (
    CALL_PART,
    RENEWAL_PART,
    RETRY_PART,
    USABLE_PART,
    Lease,
)
from amphv2_bootstrap.jobboards.zookeeper.session import SESSION_PART
from tests.servers.process import wait_until

ENTRY = Entry("11111111-0000-0000-0000-000000000000", "job", {}, True, None)


class FakeBoard:
    """Answers renewals as told: True, False, an error, or not at all."""

    def __init__(self, answer: object = True) -> None:
        self.answer = answer
        self.renewals = 0
        self.hang = threading.Event()

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        self.renewals += 1
        if self.answer == "hang":
            self.hang.wait(30)
        if isinstance(self.answer, Exception):
            raise self.answer
        return bool(self.answer)


def _lease(board: FakeBoard, expiry: float) -> Lease:
    return Lease(board, ENTRY, "me", expiry, time.monotonic())  # type: ignore[arg-type]


def test_is_renewed_for_as_long_as_it_is_held() -> None:
    """Renewals carry a lease far over its first expiry."""
    board = FakeBoard()
    started = time.monotonic()
    with _lease(board, 0.6) as lease:
        wait_until(lambda: time.monotonic() - started > 1.5, what="2.5 expiries passed")
        lease.check()
    assert board.renewals >= 2


def test_is_lost_at_once_when_the_board_says_so() -> None:
    """A renewal that is refused ends the lease and cancels the running step."""
    with _lease(FakeBoard(answer=False), 3.0) as lease:
        wait_until(lease.cancelled.is_set, what="the step is told to stop")
        with pytest.raises(FencedError, match="isn't ours any more"):
            lease.check()


@pytest.mark.parametrize("answer", [BoardUnavailableError("renew"), "hang"])
def test_is_lost_before_the_claim_ends_when_the_board_is_away(answer: object) -> None:
    """Refused or hanging connections: the holder stops within the usable part."""
    board = FakeBoard(answer)
    expiry = 2.0
    claimed_at = time.monotonic()
    with _lease(board, expiry) as lease:
        assert lease.cancelled.wait(30)
        # The deadline is over, and was not prolonged by any failed renewal.
        assert time.monotonic() - claimed_at >= expiry * USABLE_PART
        with pytest.raises(FencedError, match="not renewed in time"):
            lease.check()
        assert board.renewals >= 1
        board.hang.set()


def test_a_pause_of_the_process_is_seen_by_the_next_check() -> None:
    """After SIGCONT no thread need have run yet: the check looks at the clock."""
    lease = Lease(
        FakeBoard(),  # type: ignore[arg-type]
        ENTRY,
        "me",
        expiry=10.0,
        claimed_at=time.monotonic() - 9.0,
    )
    with pytest.raises(FencedError, match="not renewed in time"):
        lease.check()


def test_one_renewal_without_an_answer_costs_no_claim() -> None:
    """The rule of Patroni's TTL, for the defaults and whatever expiry is set."""
    second_answer = RENEWAL_PART + CALL_PART + RETRY_PART + CALL_PART
    assert second_answer < USABLE_PART < SESSION_PART < 1
