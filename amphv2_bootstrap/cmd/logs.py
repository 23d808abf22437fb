# SPDX-License-Identifier: Apache-2.0
"""What the programs have in common about their logs."""

import logging
import os
import sys

from amphv2_bootstrap.engine.redaction import RedactingFilter, Redactor

_QUIET = ("taskflow", "oslo_utils.excutils", "kazoo", "alembic")
"""The engine says what became of a job; these add tracebacks to it."""


def to_terminal(level: int) -> logging.Handler:
    """What goes to stderr, from ``level`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    handler.setLevel(level)
    return handler


def to_file(path: str, level: int) -> logging.Handler:
    """What is appended to a file; one that is missing is made with mode 0600.

    :raises OSError: it can't be opened.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    stream = os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8")
    handler = logging.StreamHandler(stream)
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    handler.setLevel(level)
    return handler


def quieten() -> None:
    """Keep what the libraries under the engine log out of it, but for a debugger."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def redact(redactor: Redactor) -> None:
    """From now on mask the secrets in whatever is logged, wherever it goes."""
    for handler in logging.getLogger().handlers:
        for former in list(handler.filters):
            if isinstance(former, RedactingFilter):
                handler.removeFilter(former)
        handler.addFilter(RedactingFilter(redactor))
