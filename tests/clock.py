# SPDX-License-Identifier: Apache-2.0
"""A clock that stands until a test moves it."""

import threading


class Clock:
    """Stands in for the module ``time`` in the module under test."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waiting = 0
        self.moved = threading.Condition()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move the clock instead of sleeping."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self.moved:
            self.now += seconds
            self.moved.notify_all()


class ClockedEvent(threading.Event):
    """An event; the timeouts of its waits are seconds of the clock.

    ``clock.waiting`` is the number of threads that wait.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def set(self) -> None:
        super().set()
        self._clock.advance(0.0)

    def wait(self, timeout: float | None = None) -> bool:
        clock = self._clock
        with clock.moved:
            end = float("inf") if timeout is None else clock.now + timeout
            clock.waiting += 1
            clock.moved.wait_for(lambda: self.is_set() or clock.now >= end)
            clock.waiting -= 1
        return self.is_set()
