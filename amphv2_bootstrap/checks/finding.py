# SPDX-License-Identifier: Apache-2.0
"""What a check of ``verify`` found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.steps.base import Context

OK = "ok"
WARNING = "warning"
FAILED = "failed"
SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; shown to the operator, so without secrets.

    ``check`` is the check's public name (``key-value-backend``), ``state`` one of
    :data:`OK`, :data:`WARNING`, :data:`FAILED`, :data:`SKIPPED`. ``message`` says
    what was seen, ``todo`` what to do about it.
    """

    check: str
    state: str
    message: str
    todo: str = ""

    @classmethod
    def of(cls, check: str, error: BootstrapError, state: str = FAILED) -> "Finding":
        """The finding that an error is."""
        place = f" ({error.on})" if error.on else ""
        why = f": {error.why.rstrip('.')}" if error.why else ""
        return cls(check, state, f"{error.attempted}{place}{why}", error.todo)


Check = Callable[[Context], Iterable[Finding]]
"""A check: looks and changes nothing. Its name is the function's, with hyphens."""


def name_of(check: Check) -> str:
    """The public name of a check."""
    return str(getattr(check, "__name__", "check")).strip("_").replace("_", "-")
