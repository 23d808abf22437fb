# SPDX-License-Identifier: Apache-2.0
"""The tree of errors.

The two branches decide what the engine does next: it tries a step again, with
backoff, after a transient error; after a permanent one it waits for the operator.
"""

import logging
import re
import traceback
from collections.abc import Sequence
from typing import Self

LOG = logging.getLogger(__name__)

_FRAME = re.compile(r'^  File "(?:.*/)?([^"/]+)", line (\d+)', re.M)
_OWN_FRAME = re.compile(r'^  File ".*?/(amphv2_bootstrap/[^"]+)", line (\d+)', re.M)


class BootstrapError(Exception):
    """Root of all errors of this package.

    No argument may hold a secret: errors are logged and persisted.

    :param attempted: the action, as a phrase ("create the database").
    :param on: the object of the action ("octavia_persistence on db1:3306").
    :param why: the cause, in the words of the system that refused.
    :param todo: what the operator should do.
    """

    def __init__(
        self, attempted: str, *, on: str = "", why: str = "", todo: str = ""
    ) -> None:
        self.attempted = attempted
        self.on = on
        self.why = why
        self.todo = todo
        place = f" ({on})" if on else ""
        cause = f": {why.rstrip('.')}" if why else ""
        advice = f". {todo}" if todo else ""
        super().__init__(f"{attempted}{place}{cause}{advice}")


class TransientError(BootstrapError):
    """The cause may go away by itself: another attempt makes sense."""


class PermanentError(BootstrapError):
    """Another attempt would fail in the same way until somebody acts."""


class UnexpectedError(PermanentError):
    """An error that this package doesn't know; named by its type and place only.

    Its text may hold a secret that no masker knows (a parser's error quotes the line).
    """

    @classmethod
    def of(cls, attempted: str, error: BaseException) -> Self:
        """Has the traceback of ``error``, the text of which goes to the debug log."""
        LOG.debug("Unexpected error: %s", attempted, exc_info=error)
        trace = "".join(traceback.format_tb(error.__traceback__))
        found = cls.at(attempted, type(error).__name__, trace)
        return found.with_traceback(error.__traceback__)

    @classmethod
    def at(cls, attempted: str, type_name: str, trace: str) -> Self:
        """From the frames of a traceback, as :mod:`traceback` formats them."""
        places = _OWN_FRAME.findall(trace) or _FRAME.findall(trace)
        place = f" at {':'.join(places[-1])}" if places else ""
        return cls(
            attempted,
            why=f"unexpected {type_name}{place}",
            todo="Its text is in the log at debug level: look at it, and report it.",
        )


class CancelledError(BootstrapError):
    """The step was asked to stop before its end; it must run again."""


class InvalidInputError(PermanentError):
    """The configuration or the arguments are invalid; nothing was changed.

    :param problems: every problem found, each a full sentence.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("check the input", why="; ".join(self.problems))


class NotFoundError(PermanentError):
    """The named object doesn't exist."""


class ConflictError(PermanentError):
    """Other work that is under way excludes the request."""
