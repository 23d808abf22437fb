# SPDX-License-Identifier: Apache-2.0
"""Noticing that another machine goes by this host's name.

A host's own jobs are bound to it by its name. Where a copied configuration gives
two machines one name, either would do the other's, and one would silently be left
out. By their signs of life in the database such two see each other.
"""

import logging
from collections.abc import Sequence

from amphv2_bootstrap.engine.liveness import ConductorRow, alive
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import ConflictError

LOG = logging.getLogger(__name__)


class DuplicateHosts:
    """Looks for conductors of this one's host name on other machines."""

    def __init__(self, store: Store, owner: ProcessIdentity) -> None:
        self._store = store
        self._owner = owner
        self._told: list[str] = []
        self.may_be_about = False
        """Whether this host's own jobs have to wait, by the last look. Also while one
        that fell silent before we began may still be alive: after a reboot, our own
        former self."""

    def look(self) -> None:
        """Look at the list of conductors, and log an error for new ones."""
        fresh = alive(self._store.conductors())
        self.may_be_about = any(self._is_elsewhere(row) for row in fresh)
        names = self._names(fresh)
        if names and names != self._told:
            LOG.error("%s", self._conflict(names))
        self._told = names

    def check(self) -> None:
        """:raises ConflictError: naming both."""
        names = self._names(alive(self._store.conductors()))
        if names:
            raise self._conflict(names)

    def _is_elsewhere(self, row: ConductorRow) -> bool:
        return row.host == self._owner.host and is_elsewhere(row.owner, self._owner)

    def _names(self, rows: Sequence[ConductorRow]) -> list[str]:
        ours = [row for row in rows if row.owner == str(self._owner)]
        return [row.owner for mine in ours for row in rows if are_duplicates(mine, row)]

    def _conflict(self, names: Sequence[str]) -> ConflictError:
        return ConflictError(
            "take this host's own jobs",
            on=f"host {self._owner.host}",
            why=f"conductors of this host name run on several machines: {self._owner} "
            f"here, and {', '.join(names)}",
            todo="Give each its own [DEFAULT] host, as it stands in [octavia] "
            "controllers, and restart them. Until then jobs of this name wait.",
        )


def is_elsewhere(owner: str, here: ProcessIdentity) -> bool:
    """Whether that conductor runs, or ran, under another kernel than ``here``."""
    parsed = ProcessIdentity.parse(owner)
    return parsed is not None and parsed.kernel not in ("", here.kernel)


def are_duplicates(one: ConductorRow, other: ConductorRow) -> bool:
    """Whether two conductors of one host name were alive on two machines at once.

    So after a reboot nobody is his own rival. Both are rows of ``conductors``.
    """
    here = ProcessIdentity.parse(one.owner)
    return (
        here is not None
        and here.kernel != ""
        and one.host == other.host
        and is_elsewhere(other.owner, here)
        and one.started_at < other.seen_at
        and other.started_at < one.seen_at
    )
