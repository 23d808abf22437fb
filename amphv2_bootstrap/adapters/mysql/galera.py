# SPDX-License-Identifier: Apache-2.0
"""Warnings about a Galera cluster, and the load balancer before it.

All functions only read, and give full sentences that say what to do.
"""

import re
from collections.abc import Iterable, Iterator

from amphv2_bootstrap.adapters.mysql.sessions import Session

LONGEST_SUSPICION = 10.0
"""Seconds; Galera's default is 5."""

_SUSPECT = re.compile(r"evs\.suspect_timeout = PT(?:(\d+)M)?(?:([\d.]+)S)?")


def traps(session: Session) -> Iterator[str]:
    """Warn of a cluster that stands still when one of its nodes dies."""
    place = session.place
    if _status(session, "wsrep_cluster_size") == "2":
        yield (
            f"{place} is one of two Galera nodes: if one of them dies, the other takes "
            "no writes. Add a third node, or garbd."
        )
    seconds = _suspicion(_variable(session, "wsrep_provider_options"))
    if seconds > LONGEST_SUSPICION:
        yield (
            f"The Galera nodes of {place} commit nothing for {seconds:g} s after one "
            "of them has died. Set evs.suspect_timeout = PT5S, its default, in "
            "wsrep_provider_options of all nodes."
        )


def several(sessions: Iterable[Session]) -> Iterator[str]:
    """Warn if these sessions, all of one address, are on different nodes."""
    nodes: set[str] = set()
    place = ""
    for session in sessions:
        place = session.place
        nodes.add(_variable(session, "wsrep_node_name"))
    if len(nodes) > 1:
        yield (
            f"Connections to {place} reach several Galera nodes: "
            f"{', '.join(sorted(nodes))}. Have the load balancer send all of them to "
            "one writer: otherwise a statement may not see what was committed just "
            "before, and transactions are refused at commit."
        )


def _suspicion(options: str) -> float:
    found = _SUSPECT.search(options)
    return 60 * float(found[1] or 0) + float(found[2] or 0) if found else 0.0


def _status(session: Session, name: str) -> str:
    rows = session.rows(f"SHOW GLOBAL STATUS LIKE '{name}'")
    return str(rows[0][1]) if rows else ""


def _variable(session: Session, name: str) -> str:
    rows = session.rows(f"SHOW GLOBAL VARIABLES LIKE '{name}'")
    return str(rows[0][1]) if rows else ""
