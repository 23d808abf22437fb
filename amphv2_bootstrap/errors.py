# SPDX-License-Identifier: Apache-2.0
"""The tree of errors.

The two branches decide what the engine does next: it tries a step again, with
backoff, after a transient error; after a permanent one it waits for the operator.
"""

from collections.abc import Sequence


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
