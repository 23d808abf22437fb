# SPDX-License-Identifier: Apache-2.0
"""What a check of ``verify`` found."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from amphv2_bootstrap.errors import BootstrapError, CancelledError
from amphv2_bootstrap.steps.base import Context

OK = "ok"
WARNING = "warning"
FAILED = "failed"
SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check; shown to the operator, so without secrets.

    ``check`` is the check's public name (``key-value-backend``), ``state`` one of
    :data:`OK`, :data:`WARNING`, :data:`FAILED`, :data:`SKIPPED`. ``message`` says
    what the check saw, ``todo`` what the operator should do about it.
    """

    check: str
    state: str
    message: str
    todo: str = ""

    @classmethod
    def of(cls, check: str, error: BootstrapError, state: str = FAILED) -> "Finding":
        """An error as a finding."""
        place = f" ({error.on})" if error.on else ""
        why = f": {error.why.rstrip('.')}" if error.why else ""
        return cls(check, state, f"{error.attempted}{place}{why}", error.todo)


Check = Callable[[Context], Iterable[Finding]]
"""A check changes nothing. Its name is the function's, with hyphens."""


def name_of(check: Check) -> str:
    """The public name of a check."""
    return str(getattr(check, "__name__", "check")).strip("_").replace("_", "-")


def of_database_server(state: str = SKIPPED) -> Callable[[Check], Check]:
    """Make a check skip SQLite, and report an error as a finding of ``state``."""

    def decorate(check: Check) -> Check:
        @functools.wraps(check)
        def checked(context: Context) -> Iterator[Finding]:
            name = name_of(check)
            if context.spec.persistence.is_sqlite:
                message = "the persistence is SQLite: there is no server"
                yield Finding(name, SKIPPED, message)
                return
            try:
                yield from check(context)
            except CancelledError:
                raise
            except BootstrapError as exc:
                yield Finding.of(name, exc, state)

        return checked

    return decorate
