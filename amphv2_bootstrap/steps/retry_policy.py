# SPDX-License-Identifier: Apache-2.0
"""How long a step is tried again after transient errors."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of a step's retries after transient errors; times in seconds.

    :param max_elapsed: since the first failure; 0 means no retry.
    """

    max_elapsed: float = 300.0
    first_wait: float = 0.5
    max_wait: float = 10.0


class Failing:
    """How long a step has been failing, from its first failure on.

    :param limit: seconds after which it isn't tried again.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._since: float | None = None

    def is_over(self) -> bool:
        """Call it after each failure: whether that was the last attempt."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since >= self._limit

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """The time that the body takes is not counted."""
        began = time.monotonic()
        yield
        if self._since is not None:
            self._since += time.monotonic() - began
