# SPDX-License-Identifier: Apache-2.0
"""The settings of a conductor."""

from dataclasses import dataclass, field

from amphv2_bootstrap.engine.step_limits import StepLimits


@dataclass(frozen=True, slots=True)
class ConductorSettings:
    """How a conductor works; all times in seconds.

    ``concurrency`` is how many flows run at once. The conductor looks at the
    jobboard at least every ``poll_interval`` (five times as long while no entry is
    for this host), and compares it with the database every ``reconcile_interval``.
    A stopping conductor lets running steps go on for ``grace_period``. A claim lasts
    ``expiry`` without renewal. A flow that this conductor can't carry out is looked
    at again after ``refusal_pause``. A job that ended more than ``history`` ago is
    deleted; 0 keeps all. ``steps`` bounds the steps.
    """

    concurrency: int = 4
    poll_interval: float = 1.0
    reconcile_interval: float = 10.0
    grace_period: float = 30.0
    expiry: float = 12.0
    refusal_pause: float = 30.0
    history: float = 0.0
    steps: StepLimits = field(default_factory=StepLimits)
