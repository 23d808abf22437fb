# SPDX-License-Identifier: Apache-2.0
"""The right to work on one flow: a claim that is renewed, and its deadline."""

import logging
import threading
import time
from types import TracebackType

from amphv2_bootstrap.engine.board import Board, Entry
from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.measures import MEASURES, Event
from amphv2_bootstrap.errors import BootstrapError

LOG = logging.getLogger(__name__)

# Fractions of a claim's time, by Patroni's rule for its TTL (loop_wait + 2 *
# retry_timeout <= ttl). Without a renewal the holder stops after USABLE_PART, before
# another conductor can claim. A renewal without an answer leaves time for a second.
# The claim outlasts a fail-over of USABLE_PART - RENEWAL_PART - RETRY_PART.
USABLE_PART = 0.8
RENEWAL_PART = 0.1
CALL_PART = 0.25
RETRY_PART = 0.05
_SHORTEST_WATCH = 0.01


class Lease:
    """Renews a claim in threads of its own, as a context manager.

    ``cancelled`` is set when the claim is lost, or may be: the running step must
    then stop, and :meth:`check` refuses the next one. The deadline counts from
    before each renewal is sent, on the local monotonic clock, so it always comes
    before the board's.
    """

    def __init__(
        self, board: Board, entry: Entry, owner: str, expiry: float, claimed_at: float
    ) -> None:
        self._board = board
        self._entry = entry
        self._owner = owner
        self._expiry = expiry
        self._deadline = claimed_at + expiry * USABLE_PART
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"lease-{entry.uuid[:8]}", daemon=True)
            for target in (self._renew_until_ended, self._watch_deadline)
        ]
        self.lost_because: str | None = None
        self.cancelled = threading.Event()

    def __enter__(self) -> "Lease":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def is_lost(self) -> bool:
        """Whether another conductor has the claim, or may have it."""
        if self.lost_because is None and time.monotonic() >= self._deadline:
            self.lose("it was not renewed in time")
        return self.lost_because is not None

    def check(self) -> None:
        """:raises FencedError: the claim is lost, or may be."""
        if self.is_lost:
            raise FencedError(
                "go on with the flow", on=str(self._entry), why=self.lost_because or ""
            )

    def lose(self, why: str) -> None:
        """Treat the claim as lost, and cancel the running step."""
        is_news = self.lost_because is None
        self.lost_because = self.lost_because or why
        self.cancelled.set()
        # Last: the step must stop even if the log fails.
        if is_news:
            MEASURES.count(Event.LEASE_LOST)
            LOG.warning("%s: lost the claim: %s", self._entry, why)

    def _renew_until_ended(self) -> None:
        interval = self._expiry * RENEWAL_PART
        pause = self._expiry * RETRY_PART
        wait = interval
        while not self._ended.wait(wait):
            if self.lost_because is not None:
                return
            try:
                wait = interval if self._renew() else pause
            except Exception:  # the outermost frame of the thread
                LOG.exception("%s: can't renew the claim; trying again", self._entry)
                wait = pause

    def _watch_deadline(self) -> None:
        # In a thread of its own: a renewal that hangs must not hide the deadline.
        while not self.is_lost:
            left = self._deadline - time.monotonic()
            if self._ended.wait(max(left, _SHORTEST_WATCH)):
                return

    def _renew(self) -> bool:
        asked_at = time.monotonic()
        try:
            if self._board.renew(self._entry, self._owner, self._expiry):
                self._deadline = asked_at + self._expiry * USABLE_PART
                MEASURES.count(Event.LEASE_RENEWED, "renewed")
                return True
        except BootstrapError as exc:
            MEASURES.count(Event.LEASE_RENEWED, "failed")
            LOG.warning("%s: can't renew the claim: %s", self._entry, exc)
            return False
        self.lose("the jobboard says that it isn't ours any more")
        return False
