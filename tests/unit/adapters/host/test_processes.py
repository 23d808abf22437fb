# SPDX-License-Identifier: Apache-2.0
import os
import threading
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from amphv2_bootstrap.adapters.host import processes
from amphv2_bootstrap.adapters.host.processes import Look, forks, why_unsteady
from amphv2_bootstrap.errors import CancelledError
from tests.clock import Clock, ClockedEvent
from tests.unit.adapters.host.forking import crashing, steady


def test_a_process_whose_forks_crash_is_unsteady() -> None:
    """However long it must stay up: its own state says nothing of that."""
    with crashing() as pid:
        why = why_unsteady(lambda: Look((pid,), forks(pid)), 3600, threading.Event())
    assert why == "the processes that it forks end, one after the other"


def test_a_process_with_a_fork_that_stays_is_steady() -> None:
    """Other programs that it runs meanwhile don't count."""
    with steady() as pid:
        (fork,) = forks(pid)
        assert (
            why_unsteady(lambda: Look((pid,), forks(pid)), 1, threading.Event()) == ""
        )
        assert forks(pid) == {fork}


def test_nothing_is_below_a_process_that_is_gone() -> None:
    """It may end between two looks."""
    assert forks(2**22 + 1) == frozenset()
    assert forks(os.getpid()) == frozenset()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(processes, "time", clock)
    return clock


class Passing(ClockedEvent):
    """An event that is never set; waiting for it moves the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._moving = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._moving.advance(timeout or 0.0)
        return False


def _looks(*looks: Look) -> Iterator[Look]:
    return chain(looks, repeat(looks[-1]))


def _why(clock: Clock, *looks: Look) -> str:
    found = _looks(*looks)
    return why_unsteady(lambda: next(found), 5.0, Passing(clock))


_ONE, _TWO = Look((1,), frozenset({(7, "a")})), Look((1,), frozenset({(8, "b")}))


def test_a_service_must_stay_up_for_the_whole_time(clock: Clock) -> None:
    """No earlier look at it says that it does."""
    began = clock.now
    assert _why(clock, _ONE) == ""
    assert clock.now - began >= 5.0


def test_one_fork_may_end(clock: Clock) -> None:
    """It may have been a short one; the time begins anew, and the next one counts."""
    began = clock.now
    assert _why(clock, *[_ONE] * 40, _TWO) == ""
    assert clock.now - began >= 9.0
    assert "forks end" in _why(clock, _ONE, _TWO, _ONE)


def test_a_service_that_was_started_again_is_unsteady(clock: Clock) -> None:
    """Its first process is another one."""
    assert _why(clock, _ONE, Look((2,))) == "it was started again by itself"


def test_a_service_that_has_ended_is_unsteady(clock: Clock) -> None:
    """The reason is that of the look."""
    assert _why(clock, _ONE, Look((), trouble="it is failed")) == "it is failed"


def test_the_watch_ends_when_it_is_cancelled() -> None:
    """A conductor that stops doesn't wait for it."""
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        why_unsteady(lambda: _ONE, 3600, cancelled)
