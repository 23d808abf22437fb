# SPDX-License-Identifier: Apache-2.0
"""How long a command waits, and its wait for an engine's database that is away."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from amphv2_bootstrap.engine.errors import AccessDeniedError, DatabaseUnavailableError

LOST_POLL_SECONDS = 1.0
FAILOVER_SECONDS = 60.0
"""What a command that doesn't follow a job waits for the engine's database."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Timeout:
    """A time in seconds that begins now; None: no end."""

    seconds: float | None = None
    began: float = field(default_factory=lambda: time.monotonic())

    @property
    def is_over(self) -> bool:
        return (
            self.seconds is not None and time.monotonic() - self.began >= self.seconds
        )


def outlast(call: Callable[[], _T], timeout: Timeout) -> _T:
    """What ``call`` gives once the engine's database answers; says once that it waits.

    :raises AccessDeniedError: the database answers, but refuses the login.
    :raises DatabaseUnavailableError: it is still away when ``timeout`` is over.
    """
    is_away = False
    while True:
        try:
            return call()
        except AccessDeniedError:
            raise
        except DatabaseUnavailableError as exc:
            if timeout.is_over:
                raise
            if not is_away:
                most = f", {timeout.seconds:g} s at most" if timeout.seconds else ""
                text = f"{exc}; waiting until it is back{most}"
                print(text, file=sys.stderr, flush=True)
            is_away = True
            time.sleep(LOST_POLL_SECONDS)
