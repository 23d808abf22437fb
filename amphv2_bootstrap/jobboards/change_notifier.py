# SPDX-License-Identifier: Apache-2.0
"""Waking whoever waits for a change on a board."""

import logging
import threading
import time
from collections.abc import Callable

LOG = logging.getLogger(__name__)

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class ChangeNotifier:
    """Rung by changes, heard by waiters; a ring that nobody heard yet is kept."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0
        self._heard = 0

    def ring(self) -> None:
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, timeout: float) -> bool:
        """Wait for a ring since the last wait, at most ``timeout`` seconds.

        True when it rang. All who wait at the same time hear the same ring.
        """
        with self._condition:
            heard = self._heard
            rang = self._condition.wait_for(lambda: self._rings > heard, timeout)
            self._heard = self._rings
            return rang


class Listener:
    """A daemon thread that hears a backend's announcements, and never gives up.

    ``hear`` opens a connection, rings the bell, and goes on ringing it at every
    announcement until that connection ends or ``stopped`` is set. It is called
    again after each end, with backoff, until :meth:`stop`.
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
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            began = time.monotonic()
            self._hear_once()
            lasted = time.monotonic() - began
            pause = _FIRST_PAUSE if lasted > _LONGEST_PAUSE else pause
            self._stopped.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _hear_once(self) -> None:
        try:
            self._hear(self._stopped)
        except Exception as error:  # noqa: BLE001  # the outermost frame of a thread
            # By its kind only: its text may quote what was sent to the backend.
            LOG.debug("%s: heard until %s", self._thread.name, type(error).__name__)
