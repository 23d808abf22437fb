# SPDX-License-Identifier: Apache-2.0
"""The lease is renewed while it may be, and lost before another can claim."""

import threading

import pytest

from amphv2_bootstrap.conf.options.task_flow import OPTS
from amphv2_bootstrap.engine import lease as lease_module
from amphv2_bootstrap.engine.board import BoardUnavailableError, Entry
from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.lease import (
    CALL_PART,
    RENEWAL_PART,
    RETRY_PART,
    USABLE_PART,
    Lease,
)
from amphv2_bootstrap.engine.measures import Event
from amphv2_bootstrap.jobboards.zookeeper.session import SESSION_PART
from tests.clock import Clock, ClockedEvent
from tests.servers.process import wait_until
from tests.unit.engine.counting import counted

ENTRY = Entry("11111111-0000-0000-0000-000000000000", "job", {}, True, None)


class FakeBoard:
    """Answers renewals with True, False, an error, or not at all."""

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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The lease's clock."""
    clock = Clock()
    monkeypatch.setattr(lease_module, "time", clock)
    return clock


EXPIRY = 10.0


def _lease(board: FakeBoard, clock: Clock) -> Lease:
    """A lease that was claimed just now."""
    lease = Lease(board, ENTRY, "me", EXPIRY, clock.now)  # type: ignore[arg-type]
    lease._ended = ClockedEvent(clock)
    return lease


def _wait_for_both(clock: Clock, board: FakeBoard, renewals: int) -> None:
    """Until so many renewals were made, and both threads wait."""
    wait_until(
        lambda: board.renewals == renewals and clock.waiting == 2,
        what=f"renewal {renewals} is made",
        state=lambda: (board.renewals, clock.waiting),
    )


def test_is_renewed_for_as_long_as_it_is_held(clock: Clock) -> None:
    """Renewals keep a lease far beyond its first expiry, and are counted."""
    board = FakeBoard()
    with counted() as events, _lease(board, clock) as lease:
        for number in range(15):
            _wait_for_both(clock, board, number)
            lease.check()
            clock.advance(EXPIRY * RENEWAL_PART)
        _wait_for_both(clock, board, 15)
        lease.check()
    assert events == {(Event.LEASE_RENEWED, "renewed"): 15}


def test_is_lost_at_once_when_the_board_says_so(clock: Clock) -> None:
    """A renewal that is refused ends the lease and cancels the running step."""
    board = FakeBoard(answer=False)
    with counted() as events, _lease(board, clock) as lease:
        _wait_for_both(clock, board, 0)
        clock.advance(EXPIRY * RENEWAL_PART)
        wait_until(lease.cancelled.is_set, what="the step must stop")
        with pytest.raises(FencedError, match="isn't ours any more"):
            lease.check()
    assert events == {(Event.LEASE_LOST, ""): 1}


@pytest.mark.parametrize("answer", [BoardUnavailableError("renew"), "hang"])
def test_is_lost_before_the_claim_ends_when_the_board_is_away(
    answer: object, clock: Clock
) -> None:
    """If calls are refused or hang, the holder stops after the usable part."""
    board = FakeBoard(answer)
    with counted() as events, _lease(board, clock) as lease:
        _wait_for_both(clock, board, 0)
        clock.advance(EXPIRY * USABLE_PART - 0.1)
        # One renewal has failed, or hangs; it has not prolonged anything.
        wait_until(lambda: board.renewals == 1, what="a renewal is tried")
        lease.check()
        assert not lease.cancelled.is_set()
        clock.advance(0.2)
        wait_until(lease.cancelled.is_set, what="the step must stop")
        with pytest.raises(FencedError, match="not renewed in time"):
            lease.check()
        board.hang.set()
    assert events[Event.LEASE_LOST, ""] == 1
    assert (events[Event.LEASE_RENEWED, "failed"] > 0) is (answer != "hang")


def test_an_unexpected_error_ends_no_renewal(clock: Clock) -> None:
    """The renewal after it is made in time, and the lease is kept."""
    board = FakeBoard(ValueError("not foreseen"))
    with _lease(board, clock) as lease:
        _wait_for_both(clock, board, 0)
        clock.advance(EXPIRY * RENEWAL_PART)
        _wait_for_both(clock, board, 1)
        board.answer = True
        clock.advance(EXPIRY * RETRY_PART)
        _wait_for_both(clock, board, 2)
        clock.advance(EXPIRY * (USABLE_PART - RETRY_PART))
        lease.check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_log_that_fails_stops_the_step_all_the_same(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time is over the step stops, whatever else goes wrong."""

    def fail(*_: object) -> None:
        raise IndexError

    monkeypatch.setattr(lease_module.LOG, "warning", fail)
    with _lease(FakeBoard("hang"), clock) as lease:
        clock.advance(EXPIRY * USABLE_PART)
        wait_until(lease.cancelled.is_set, what="the step stops")
        assert lease.is_lost
        lease._board.hang.set()  # type: ignore[attr-defined]


def test_a_pause_of_the_process_is_seen_by_the_next_check(clock: Clock) -> None:
    """After SIGCONT, the check reads the clock itself, before any thread has run."""
    lease = _lease(FakeBoard(), clock)
    clock.advance(EXPIRY * USABLE_PART + 1.0)
    with pytest.raises(FencedError, match="not renewed in time"):
        lease.check()


def test_one_renewal_without_an_answer_costs_no_claim() -> None:
    """Patroni's rule for its TTL holds for every expiry."""
    second_answer = RENEWAL_PART + CALL_PART + RETRY_PART + CALL_PART
    assert second_answer < USABLE_PART < SESSION_PART < 1


def test_the_default_claim_outlasts_a_fail_over_and_ends_soon() -> None:
    """One of 6 s or more stops no step; a host's death costs 15 s at most."""
    [default] = [o.default for o in OPTS if o.name == "jobboard_expiration_time"]
    assert default * (USABLE_PART - RENEWAL_PART - RETRY_PART) > 6.0
    assert default + ConductorSettings().poll_interval < 15.0
    assert ConductorSettings().expiry == default
