# SPDX-License-Identifier: Apache-2.0
"""What the programs have in common about their logs."""

import logging

from amphv2_bootstrap.engine.redaction import RedactingFilter, Redactor

_QUIET = ("taskflow", "oslo_utils.excutils", "kazoo", "alembic")
"""The engine says what became of a job; these add tracebacks to it."""


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
