# SPDX-License-Identifier: Apache-2.0
"""Claims that were not renewed are given up, and no others."""

import threading

import pytest

from amphv2_bootstrap.engine.board import BoardUnavailableError
from amphv2_bootstrap.jobboards.zookeeper import claim_timer
from amphv2_bootstrap.jobboards.zookeeper.claim_timer import ClaimTimer
from tests.servers.process import wait_until

LONG = 3600.0


class Backend:
    """Records what is given up; the first ``failures`` calls raise ``error``."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.given_up: list[tuple[str, str]] = []
        self.failures = failures
        self.error = error or BoardUnavailableError("give up")

    def give_up(self, place: str, token: str) -> None:
        if self.failures:
            self.failures -= 1
            raise self.error
        self.given_up.append((place, token))


def test_unrenewed_claim_is_given_up_once() -> None:
    """Only a claim that ran out is given up, and only once."""
    backend = Backend()
    timer = ClaimTimer(backend.give_up)
    timer.start("later", "/b", LONG)
    timer.start("now", "/a", 0.01)
    wait_until(lambda: backend.given_up, what="the claim is given up")
    timer.start("then", "/c", 0.01)
    wait_until(lambda: len(backend.given_up) > 1, what="the next is given up")
    assert backend.given_up == [("/a", "now"), ("/c", "then")]
    timer.close()


def test_prolonged_claim_is_kept() -> None:
    """A claim can be prolonged until it has run out, and not after."""
    backend = Backend()
    timer = ClaimTimer(backend.give_up)
    timer.start("one", "/a", LONG)
    assert timer.prolong("one", LONG)
    assert not timer.prolong("unknown", LONG)
    timer.expire("one")
    assert not timer.prolong("one", LONG)
    wait_until(lambda: backend.given_up, what="the claim is given up")
    timer.close()


def test_forgotten_claim_is_left_alone() -> None:
    """The timer doesn't give up a claim that its owner ended."""
    backend = Backend()
    timer = ClaimTimer(backend.give_up)
    timer.start("one", "/a", LONG)
    timer.forget("one")
    timer.expire("one")
    timer.start("two", "/b", 0.0)
    wait_until(lambda: backend.given_up, what="the other is given up")
    assert backend.given_up == [("/b", "two")]
    timer.close()


@pytest.mark.parametrize("error", [BoardUnavailableError("give up"), ValueError("x")])
def test_errors_are_outlasted(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever giving up raises, it is tried again."""
    monkeypatch.setattr(claim_timer, "_RETRY_SECONDS", 0.01)
    backend = Backend(2, error)
    timer = ClaimTimer(backend.give_up)
    timer.start("one", "/a", 0.0)
    wait_until(lambda: backend.given_up, what="the claim is given up")
    timer.close()


def test_closed_timer_has_no_thread() -> None:
    """Closing ends the thread; the timer can be used again."""
    before = threading.active_count()
    backend = Backend()
    timer = ClaimTimer(backend.give_up)
    timer.start("one", "/a", LONG)
    timer.close()
    wait_until(lambda: threading.active_count() == before, what="the thread ended")
    timer.start("two", "/b", 0.0)
    wait_until(lambda: backend.given_up, what="it works again")
    timer.close()
