# SPDX-License-Identifier: Apache-2.0
"""Where logs go, and what they must not show."""

import logging
import os
import sys
import threading
from pathlib import Path

from amphv2_bootstrap.adapters.host import no_follow
from amphv2_bootstrap.engine.log_context import FlowRunFilter
from amphv2_bootstrap.spec.masking import Masker, MaskingFilter, MaskingFormatter

LOG = logging.getLogger(__name__)

_QUIET = ("taskflow", "oslo_utils.excutils", "kazoo", "alembic")
"""Libraries that log tracebacks of what the engine reports itself."""


def to_terminal(level: int) -> logging.Handler:
    """A handler for stderr, from ``level`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    handler.setLevel(level)
    return handler


def to_file(path: str, level: int) -> logging.Handler:
    """A handler that appends to a file, which is made with mode 0600 if it is missing.

    :raises OSError: the file can't be opened.
    """
    stream = os.fdopen(_opened(path), "a", encoding="utf-8")
    handler = logging.StreamHandler(stream)
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    handler.setLevel(level)
    return handler


def _opened(path: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    if no_follow.why_foreign(Path(path).parent) is None:
        return os.open(path, flags, 0o600)  # also a device
    with no_follow.entry(path) as file:
        return file.open(flags)


def quieten() -> None:
    """Silence the libraries under the engine; not used with ``debug``."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def log_unhandled(error: threading.ExceptHookArgs) -> None:
    """Log what ended a thread; threading's own hook prints it, secrets included."""
    name = error.thread.name if error.thread else "that has ended"
    if error.exc_value is not None:
        LOG.critical("Unhandled error in thread %s", name, exc_info=error.exc_value)


def set_up(masker: Masker) -> None:
    """From now on mask the secrets in whatever is logged, wherever it goes.

    What a flow's worker logs also begins with job, flow and host.
    """
    for handler in logging.getLogger().handlers:
        for former in list(handler.filters):
            if isinstance(former, FlowRunFilter | MaskingFilter):
                handler.removeFilter(former)
        handler.addFilter(FlowRunFilter())
        handler.addFilter(MaskingFilter(masker))
        formatter = handler.formatter or logging.Formatter()
        if isinstance(formatter, MaskingFormatter):
            formatter = formatter.formatter
        handler.setFormatter(MaskingFormatter(formatter, masker))
