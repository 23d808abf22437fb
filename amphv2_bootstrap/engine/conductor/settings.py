# SPDX-License-Identifier: Apache-2.0
"""What a conductor is told about its pace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConductorSettings:
    """How a conductor works; all times in seconds.

    ``concurrency`` is the number of jobs at once. ``poll_interval`` is the
    longest wait before the jobboard is looked at again (five times as long while no
    job is on it for this host), ``reconcile_interval`` before the database is
    compared with the jobboard. ``grace_period`` is how long a stopping conductor
    lets the steps under way run on. A claim lasts ``expiry`` without renewal. A job
    that this conductor can't carry out is looked at again after ``refusal_pause``.
    What ended more than ``history`` ago is forgotten; 0 keeps it for ever.
    """

    concurrency: int = 4
    poll_interval: float = 1.0
    reconcile_interval: float = 10.0
    grace_period: float = 30.0
    expiry: float = 10.0
    refusal_pause: float = 30.0
    history: float = 0.0
