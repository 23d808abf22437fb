# SPDX-License-Identifier: Apache-2.0
"""``conductor list``."""

import argparse
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written
from amphv2_bootstrap.cmd.output.lists import ListFormats
from amphv2_bootstrap.engine.liveness import ConductorRow, Liveness
from amphv2_bootstrap.engine.records import FlowState

if TYPE_CHECKING:
    from amphv2_bootstrap.engine.storage.store import Store

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
    "drained_at",
    "drained_by",
    "flows",
    "database",
    "board",
)


class ListConductors(Guarded, ListFormats, Lister):
    """List the conductors: where they run, and whether they are alive.

    A conductor that ended in good order is not listed. A killed one is listed until
    the next one starts on its host, or for a week. 'conflict' marks a conductor of
    the same host name that is alive on another machine: see [DEFAULT] host. 'flows'
    are those that it holds; 'database' and 'board' say whether it can reach them.

    Examples:
      amphv2-bootstrap conductor list
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return as_written(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.engine.conductor.duplicate_hosts import has_duplicate
        from amphv2_bootstrap.engine.description.report import iso

        store = self.runtime().store
        found, drains = store.conductors(), store.drains()
        held = _held(store)
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
                iso(drains[row.host].since) if row.host in drains else None,
                drains[row.host].by if row.host in drains else None,
                ", ".join(held.get(row.owner, ())),
                "reachable" if row.liveness is Liveness.ALIVE else "unknown",
                _board(row),
            )
            for row in found
        ]
        return _COLUMNS, rows


def _held(store: "Store") -> dict[str, list[str]]:
    """The names of the flows that each conductor holds, by its name."""
    found: dict[str, list[str]] = {}
    for run in store.live_flow_runs():
        if run.owner is not None and run.state is FlowState.RUNNING:
            found.setdefault(run.owner, []).append(run.name)
    return found


def _board(row: ConductorRow) -> str:
    if row.liveness is not Liveness.ALIVE:
        return "unknown"
    return "unreachable" if row.board_error else "reachable"
