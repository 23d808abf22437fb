# SPDX-License-Identifier: Apache-2.0
"""Detects another machine with this host's name.

A host's own flows are bound to it by its name. Where a copied configuration gives
two machines one name, one may carry out the flows of both, and the other is silently
left out. The two see each other by their signs of life in the database.
"""

import logging
from collections.abc import Sequence

from amphv2_bootstrap.engine.liveness import ConductorRow, alive
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import ConflictError

LOG = logging.getLogger(__name__)


class DuplicateHosts:
    """Looks for conductors with this host's name on other machines."""

    def __init__(self, store: Store, owner: ProcessIdentity) -> None:
        self._store = store
        self._owner = owner
        self._reported: list[str] = []
        self.may_exist = False
        """Whether this host's own flows must wait, as of the last look: True while
        another machine may run under our host name, including this one before a
        reboot."""

    def look(self) -> None:
        """Look at the list of conductors, and log an error for new duplicates."""
        fresh = alive(self._store.conductors())
        self.may_exist = any(self._is_elsewhere(row) for row in fresh)
        names = self._names(fresh)
        if names and names != self._reported:
            LOG.error("%s", self._conflict(names))
        self._reported = names

    def check(self) -> None:
        """:raises ConflictError: there is a duplicate; the message has both names."""
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
            "take this host's own flows",
            on=f"host {self._owner.host}",
            why=f"conductors of this host name run on several machines: {self._owner} "
            f"here, and {', '.join(names)}",
            todo="Give each its own [DEFAULT] host, as it stands in [octavia] "
            "controllers, and restart them. Until then flows of this name wait.",
        )


def is_elsewhere(owner: str, here: ProcessIdentity) -> bool:
    """Whether that conductor runs, or ran, under another kernel than ``here``."""
    parsed = ProcessIdentity.parse(owner)
    return parsed is not None and parsed.kernel not in ("", here.kernel)


def has_duplicate(row: ConductorRow, rows: Sequence[ConductorRow]) -> bool:
    """Whether it is alive, and so is one of its host name on another machine."""
    living = alive(rows)
    return row in living and any(are_duplicates(row, other) for other in living)


def are_duplicates(one: ConductorRow, other: ConductorRow) -> bool:
    """Whether two conductors of one host name were alive on two machines at once.

    A conductor from before a reboot is no duplicate of one from after it.
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
