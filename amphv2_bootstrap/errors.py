# SPDX-License-Identifier: Apache-2.0
"""The one tree of errors.

Every error says what was attempted, on what, why it failed and what to do.
The two branches decide what the engine does next: a transient error is tried
again with backoff, a permanent one waits for the operator.
"""

from collections.abc import Sequence


class BootstrapError(Exception):
    """Root of all errors of this package.

    :param attempted: what was being done, as a phrase ("create the database").
    :param on: what it was done to ("octavia_persistence on db1:3306").
    :param why: the cause in the words of the system that refused.
    :param todo: what the operator should do about it.

    None of the four may hold a secret: they are logged and persisted.
    """

    def __init__(
        self, attempted: str, *, on: str = "", why: str = "", todo: str = ""
    ) -> None:
        self.attempted = attempted
        self.on = on
        self.why = why
        self.todo = todo
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = f" ({self.on})" if self.on else ""
        cause = f": {self.why.rstrip('.')}" if self.why else ""
        advice = f". {self.todo}" if self.todo else ""
        return f"{self.attempted}{place}{cause}{advice}"


class TransientError(BootstrapError):
    """May go away by itself: worth another attempt."""


class PermanentError(BootstrapError):
    """Stays until somebody acts: another attempt would fail the same way."""


class CancelledError(BootstrapError):
    """The work was told to stop before its end; the step is to be run again."""


class InvalidInputError(PermanentError):
    """Configuration or arguments can't be used; nothing was changed.

    :param problems: every problem found, each a full sentence.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("check the input", why="; ".join(self.problems))


class NotFoundError(PermanentError):
    """What was named doesn't exist."""


class ConflictError(PermanentError):
    """Something else is under way that excludes what was asked."""
