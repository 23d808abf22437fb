# SPDX-License-Identifier: Apache-2.0
"""Whether a conductor is alive: the one place that decides."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from amphv2_bootstrap.engine.process_identity import ProcessIdentity

MISSED = 3
"""A conductor is silent after so many intervals without a sign of life."""

DEFAULT_HEARTBEAT_SECONDS = 10.0
"""The interval of version 0.1.0, which did not store it."""


class Liveness(enum.StrEnum):
    """``dead`` only where this machine sees that the process has ended."""

    ALIVE = "alive"
    SILENT = "silent"
    DEAD = "dead"


def is_silent(age: float, interval: float) -> bool:
    """Whether a sign of life that comes every ``interval`` seconds is overdue.

    :param age: seconds since the last one, by the clock of the engine's database. It
        is negative where that clock went back, as by a fail-over to another server:
        then the next sign of life shows who is alive.
    """
    return not -interval <= age <= MISSED * interval


@dataclass(frozen=True, slots=True)
class ConductorRow:
    """A row of ``conductors``: a conductor that has not signed off.

    Times are epoch seconds by the database's clock; ``age`` is seconds since
    ``seen_at``. The conductor says every ``heartbeat_seconds`` that it is alive, and
    in ``board_error`` why it can't reach the jobboard.
    """

    owner: str
    host: str
    pid: int
    version: str
    started_at: float
    seen_at: float
    age: float
    heartbeat_seconds: float = DEFAULT_HEARTBEAT_SECONDS
    board_error: str | None = None

    @property
    def liveness(self) -> Liveness:
        parsed = ProcessIdentity.parse(self.owner)
        if parsed is not None and parsed.is_surely_dead:
            return Liveness.DEAD
        silent = is_silent(self.age, self.heartbeat_seconds)
        return Liveness.SILENT if silent else Liveness.ALIVE


def alive(rows: Sequence[ConductorRow]) -> list[ConductorRow]:
    """The conductors that are alive."""
    return [row for row in rows if row.liveness is Liveness.ALIVE]


def board_outage(rows: Sequence[ConductorRow], host: str | None) -> str | None:
    """Why nobody carries out a flow although conductors are alive, if that is why.

    :param host: the only one that may carry it out; None for any.
    """
    living = [row for row in alive(rows) if host in (None, row.host)]
    errors = [row.board_error for row in living if row.board_error]
    if not living or len(errors) < len(living):
        return None
    names = ", ".join(row.host for row in living)
    return (
        f"the jobboard: conductors are alive ({names}), but can't use it: {errors[0]}"
    )
