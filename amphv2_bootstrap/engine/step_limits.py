# SPDX-License-Identifier: Apache-2.0
"""How long steps may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepLimits:
    """Bounds of every step; times in seconds.

    :param timeout: for each attempt of a step that has no ``time_limit`` of its own;
        0 means that no step has a limit.
    :param grace: from telling a step to stop until it is left behind.
    """

    timeout: float = 3600.0
    grace: float = 30.0
