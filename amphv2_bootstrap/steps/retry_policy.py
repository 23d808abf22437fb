# SPDX-License-Identifier: Apache-2.0
"""How often and how long a step is tried again after transient errors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of a step's retries after transient errors; times in seconds."""

    attempts: int = 5
    max_elapsed: float = 60.0
    first_wait: float = 0.5
    max_wait: float = 10.0
