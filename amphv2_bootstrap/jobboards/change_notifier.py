# SPDX-License-Identifier: Apache-2.0
"""Wakes the threads that wait for a change on a board."""

import logging
import math
import threading
import time
from collections.abc import Callable

import tenacity

LOG = logging.getLogger(__name__)

# Jitter: all conductors lose the same backend at the same moment.
_WAIT = tenacity.wait_random_exponential(multiplier=0.1, min=0.05, max=5.0)
_LASTING_SECONDS = 5.0
"""After a connection that lasted this long, the next is made at once."""


class ChangeNotifier:
    """Wakes waiters after changes; remembers a change that came before the wait."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._changes = 0
        self._seen = 0

    def notify(self) -> None:
        """Wake every waiter, or the next one where nobody waits."""
        with self._condition:
            self._changes += 1
            self._condition.notify_all()

    def wait(self, timeout: float) -> bool:
        """Wait for a change since the last wait, at most ``timeout`` seconds.

        True when there was one. A change ends all waits that are under way.
        """
        with self._condition:
            seen = self._seen
            changed = self._condition.wait_for(lambda: self._changes > seen, timeout)
            self._seen = self._changes
            return changed


class Listener:
    """A daemon thread that listens to a backend's announcements until :meth:`stop`.

    ``hear`` opens a connection and notifies of a change, then again at every
    announcement, until the connection ends or ``stopped`` is set. After each end
    it is called again, with backoff.
    """

    def __init__(self, name: str, hear: Callable[[threading.Event], None]) -> None:
        self._hear = hear
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end by itself; doesn't wait for it."""
        self._stopped.set()

    def _run(self) -> None:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda lasted: lasted < _LASTING_SECONDS),
            wait=_WAIT,
            sleep=tenacity.sleep_using_event(self._stopped),
        )
        while not self._stopped.is_set():
            retrying(self._hear_once)

    def _hear_once(self) -> float:
        """How many seconds the connection lasted; infinite once stopped."""
        began = time.monotonic()
        try:
            if not self._stopped.is_set():
                self._hear(self._stopped)
        except Exception as error:  # noqa: BLE001  # the outermost frame of a thread
            # By its kind only: its text may quote what was sent to the backend.
            LOG.debug("%s: heard until %s", self._thread.name, type(error).__name__)
        return math.inf if self._stopped.is_set() else time.monotonic() - began
