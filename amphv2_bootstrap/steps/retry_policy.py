# SPDX-License-Identifier: Apache-2.0
"""How long steps go on against errors that may go away by themselves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a step goes on against transient errors; times in seconds."""

    attempts: int = 5
    max_elapsed: float = 60.0
    first_wait: float = 0.5
    max_wait: float = 10.0
