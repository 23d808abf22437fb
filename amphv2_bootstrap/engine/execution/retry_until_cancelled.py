# SPDX-License-Identifier: Apache-2.0
"""Retries through an outage of the engine's database (promise P4)."""

import functools
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import tenacity

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError

LOG = logging.getLogger(__name__)

# Jitter: all conductors lose the same database at the same moment.
_WAIT = tenacity.wait_random_exponential(multiplier=0.2, min=0.1, max=2.0)

_T = TypeVar("_T")


def retry_until_cancelled(call: Callable[[], _T], cancelled: threading.Event) -> _T:
    """The result of ``call``, which is repeated while the database is away.

    ``call`` must be safe to repeat, even if it was carried out.

    :raises DatabaseUnavailableError: it is still away when ``cancelled`` is set.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(DatabaseUnavailableError),
        wait=_WAIT,
        before_sleep=functools.partial(_pause, cancelled),
        sleep=lambda _: None,
    )
    return retrying(call)


def _pause(cancelled: threading.Event, state: tenacity.RetryCallState) -> None:
    """Sleep in place of tenacity, which would always call once more afterwards."""
    failed, action = state.outcome, state.next_action
    assert failed is not None  # noqa: S101 - tenacity has set it
    assert action is not None  # noqa: S101 - this, too
    LOG.warning("%s; trying again", failed.exception())
    if cancelled.wait(action.sleep):
        failed.result()  # raises what the call raised
