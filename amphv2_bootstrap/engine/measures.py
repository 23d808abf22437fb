# SPDX-License-Identifier: Apache-2.0
"""What this process has counted and timed since its start, for its metrics.

The engine counts here, and knows nothing of who reads it: the metrics are an extra.
"""

import bisect
import enum
import threading
from collections import Counter
from collections.abc import Mapping

BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""The upper bounds, in seconds, by which durations are sorted."""


class Event(enum.Enum):
    """What is counted: its name, and what its label says."""

    LEASE_RENEWED = ("lease_renewals", "result")
    LEASE_LOST = ("lease_losses", "")
    WRITE_FENCED = ("fenced_writes", "")
    FLOW_RUN_ENDED = ("flow_runs", "outcome")
    STEP_ENDED = ("steps", "outcome")
    DATABASE_FAILED = ("database_errors", "kind")
    BOARD_FAILED = ("board_errors", "")

    def __init__(self, measure: str, label: str) -> None:
        self.measure = measure
        self.label = label


class Durations:
    """How long one kind of thing took: how often within each bound, and in all."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


class Measures:
    """Counters and durations; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[Event, str]] = Counter()
        self._steps: dict[str, Durations] = {}

    def count(self, event: Event, label: str = "") -> None:
        """Count one more of these; ``label`` says which kind, if the event has any."""
        with self._lock:
            self._counts[event, label] += 1

    def time_step(self, name: str, seconds: float) -> None:
        with self._lock:
            self._steps.setdefault(name, Durations()).add(seconds)

    def counts(self) -> Mapping[tuple[Event, str], int]:
        """How many of each were counted so far."""
        with self._lock:
            return dict(self._counts)

    def steps(self) -> Mapping[str, tuple[list[int], float]]:
        """By the step's name: how many took as long as each bound, and the total."""
        with self._lock:
            return {
                name: (list(found.counts), found.total)
                for name, found in self._steps.items()
            }


MEASURES = Measures()
"""Those of this process."""
