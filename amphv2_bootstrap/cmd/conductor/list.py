# SPDX-License-Identifier: Apache-2.0
"""``conductor list``."""

import argparse
from collections.abc import Sequence
from typing import Any

from cliff.lister import Lister

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.engine.liveness import ConductorRow, alive

_COLUMNS = (
    "host",
    "pid",
    "version",
    "started_at",
    "seen_at",
    "state",
    "silent_for",
    "conflict",
    "board_error",
)


class ListConductors(Guarded, Lister):
    """List the conductors: where they run, and whether they are alive.

    A conductor that ended in good order is not listed. A killed one is listed until
    the next one starts on its host, or for a week. 'conflict' marks a conductor of
    the same host name that is alive on another machine: see [DEFAULT] host.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.engine.description.report import iso

        runtime = self.runtime()
        found = runtime.store.conductors()
        rows = [
            (
                row.host,
                row.pid,
                row.version,
                iso(row.started_at),
                iso(row.seen_at),
                row.liveness.value,
                round(max(row.age, 0.0), 1),
                has_duplicate(row, found),
                row.board_error,
            )
            for row in found
        ]
        return _COLUMNS, rows


def has_duplicate(row: ConductorRow, rows: Sequence[ConductorRow]) -> bool:
    """Whether it is alive, and so is one of its host name on another machine."""
    from amphv2_bootstrap.engine.conductor.duplicate_hosts import are_duplicates

    living = alive(rows)
    return row in living and any(are_duplicates(row, other) for other in living)
