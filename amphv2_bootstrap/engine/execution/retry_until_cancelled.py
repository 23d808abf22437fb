# SPDX-License-Identifier: Apache-2.0
"""Outlasting an outage of the engine's database (promise P4)."""

import logging
import random
import threading
from collections.abc import Callable
from typing import TypeVar

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError

LOG = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0

_T = TypeVar("_T")


def retry_until_cancelled(call: Callable[[], _T], cancelled: threading.Event) -> _T:
    """What ``call`` gives, however long the database is away meanwhile.

    ``call`` must be safe to repeat, also when it had in fact been carried out.

    :raises DatabaseUnavailableError: it is still away when ``cancelled`` is set.
    """
    longest = _FIRST_PAUSE
    while True:
        try:
            return call()
        except DatabaseUnavailableError as exc:
            LOG.warning("%s; trying again", exc)
            # Half of it at random: all conductors lose the same database at once.
            if cancelled.wait(random.uniform(longest / 2, longest)):  # noqa: S311
                raise
            longest = min(longest * 2, _LONGEST_PAUSE)
