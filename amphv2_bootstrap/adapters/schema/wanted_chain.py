# SPDX-License-Identifier: Apache-2.0
"""Finds the revisions of the persistence schema that Octavia's own taskflow knows."""

import contextlib
from dataclasses import dataclass

from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.adapters.schema.revisions import CHAIN, known_to
from amphv2_bootstrap.errors import PermanentError


@dataclass(frozen=True, slots=True)
class WantedChain:
    """The revisions, first to last.

    ``without_migrations`` is the version of an Octavia's taskflow that comes without
    them, as Debian packages it; otherwise empty. ``is_assumed``: Octavia's Python
    didn't say anything, so that they are all that we know.
    """

    revisions: tuple[str, ...] = CHAIN
    without_migrations: str = ""
    is_assumed: bool = False

    @property
    def head(self) -> str:
        return self.revisions[-1]

    @property
    def program(self) -> str:
        """What brings the tables to the head."""
        return "our migration" if self.without_migrations else "octavia-db-manage"

    @property
    def remark(self) -> str:
        """What makes this chain unusual; may be empty."""
        if self.is_assumed:
            return (
                "Octavia's Python could not report the newest revision of its "
                f"taskflow; {self.head} is assumed"
            )
        if self.without_migrations:
            return (
                f"Octavia's taskflow {self.without_migrations} has no migrations: "
                f"this program's own are used, up to {self.head}"
            )
        return ""


def wanted_chain(python: str | None) -> WantedChain:
    """The chain of the taskflow in Octavia's Python."""
    asked = introspection.revisions(python) if python else ()
    if asked:
        return WantedChain(asked)
    version = None
    with contextlib.suppress(PermanentError):
        version = introspection.versions(python)["taskflow"] if python else None
    known = known_to(version) if version else ()
    if version and known:
        return WantedChain(known, without_migrations=version)
    return WantedChain(is_assumed=True)
