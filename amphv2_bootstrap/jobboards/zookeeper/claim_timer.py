# SPDX-License-Identifier: Apache-2.0
"""Gives up claims that were not renewed, where the backend doesn't do so itself."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from amphv2_bootstrap.engine.board import BoardUnavailableError

LOG = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5


@dataclass(slots=True)
class _Claim:
    place: str
    deadline: float


class ClaimTimer:
    """Calls ``give_up(place, token)`` for each claim that has run out.

    Each claim has a token of its own. ``give_up`` must also accept a claim that was
    never made, or doesn't exist any more. While it raises, it is called again.
    """

    def __init__(self, give_up: Callable[[str, str], object]) -> None:
        self._give_up = give_up
        self._changed = threading.Condition()
        self._claims: dict[str, _Claim] = {}
        self._thread: threading.Thread | None = None

    def start(self, token: str, place: str, seconds: float) -> None:
        """Have the claim run out ``seconds`` from now."""
        with self._changed:
            self._claims[token] = _Claim(place, time.monotonic() + seconds)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="claim-timer", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def prolong(self, token: str, seconds: float) -> bool:
        """Have it run out ``seconds`` from now; False when it ran out already."""
        now = time.monotonic()
        with self._changed:
            claim = self._claims.get(token)
            if claim is None or claim.deadline <= now:
                return False
            claim.deadline = now + seconds
            return True

    def expire(self, token: str) -> None:
        """Have it run out now."""
        with self._changed:
            if token in self._claims:
                self._claims[token].deadline = 0.0
                self._changed.notify()

    def forget(self, token: str) -> None:
        with self._changed:
            self._claims.pop(token, None)

    def close(self) -> None:
        """Forget all claims and end the thread."""
        with self._changed:
            self._claims.clear()
            self._thread = None
            self._changed.notify()

    def _run(self) -> None:
        while (due := self._wait_for_due()) is not None:
            token, place = due
            try:
                self._give_up(place, token)
            except BoardUnavailableError as error:
                LOG.debug("claim not given up yet: %s", error)
                self._pause()
            except Exception:  # the outermost frame of the thread
                LOG.exception("Unexpected error; trying to give the claim up again")
                self._pause()
            else:
                self.forget(token)

    def _wait_for_due(self) -> tuple[str, str] | None:
        """The next claim that has run out; None when this thread must end."""
        with self._changed:
            while self._thread is threading.current_thread():
                token = min(
                    self._claims,
                    key=lambda token: self._claims[token].deadline,
                    default=None,
                )
                if token is None:
                    self._changed.wait()
                    continue
                claim = self._claims[token]
                left = claim.deadline - time.monotonic()
                if left <= 0:
                    return token, claim.place
                self._changed.wait(left)
            return None

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait(_RETRY_SECONDS)
