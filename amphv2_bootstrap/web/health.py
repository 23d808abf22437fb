# SPDX-License-Identifier: Apache-2.0
"""Whether the conductor of this process works, and whether it can."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError


class Pulse:
    """When the conductor's loop last came round; ``patience`` is the longest round."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._beat_at = time.monotonic()

    def beat(self) -> None:
        self._beat_at = time.monotonic()

    @property
    def trouble(self) -> str | None:
        """What is wrong with the loop, if it hangs."""
        age = time.monotonic() - self._beat_at
        if age <= self._patience:
            return None
        return f"the conductor's loop has not come round for {age:.0f} s"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a conductor needs, each with what is wrong with it, or None."""

    loop: str | None
    database: str | None
    jobboard: str | None

    @property
    def is_ready(self) -> bool:
        return not (self.loop or self.database or self.jobboard)

    def lines(self) -> list[str]:
        """One line for each of them."""
        named = {
            "loop": self.loop,
            "database": self.database,
            "jobboard": self.jobboard,
        }
        return [f"{name}: {wrong or 'ok'}" for name, wrong in named.items()]


def look(pulse: Pulse, store: Callable[[], Store], owner: str) -> Readiness:
    """Ask the database; of the jobboard, what the conductor has last seen of it."""
    try:
        rows = store().conductors()
    except BootstrapError as exc:
        return Readiness(pulse.trouble, str(exc), "unknown while the database is away")
    mine = next((row for row in rows if row.owner == owner), None)
    if mine is None:
        return Readiness(pulse.trouble, None, "the conductor has not looked at it yet")
    return Readiness(pulse.trouble, None, mine.board_error)
