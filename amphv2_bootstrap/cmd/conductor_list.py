# SPDX-License-Identifier: Apache-2.0
"""``conductor list``, and the controllers as their conductors told of them."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.engine.process_identity import condition

if TYPE_CHECKING:
    from amphv2_bootstrap.checks.agreement import Controller
    from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
    from amphv2_bootstrap.engine.storage.host_reports import HostReport
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
)


class ListConductors(Guarded, Lister):
    """List the conductors: where they run, and whether they are alive.

    A conductor that ended in good order is not listed. One that was killed is,
    until another is started on its host, or for a week. A conflict is a conductor of
    the same host name that is alive on another machine: see [DEFAULT] host.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.cmd.output.report import iso

        runtime = self.runtime()
        patience = patience_of(runtime.loaded.conductor)
        found = runtime.store.conductors()
        rows = [
            (
                row.host,
                row.pid,
                row.version,
                iso(row.started_at),
                iso(row.seen_at),
                condition(row.owner, row.age, patience),
                round(max(row.age, 0.0), 1),
                has_rival(row, found, patience),
            )
            for row in found
        ]
        return _COLUMNS, rows


def patience_of(settings: "ConductorSettings") -> float:
    """Seconds after which a conductor that wasn't seen is said to be silent."""
    from amphv2_bootstrap.engine.conductor.duplicate_hosts import MISSED

    return MISSED * settings.reconcile_interval


def has_rival(row: Any, rows: Sequence[Any], patience: float) -> bool:
    """Whether it is alive, and so is one of its host name on another machine."""
    from amphv2_bootstrap.engine.conductor.duplicate_hosts import are_rivals

    alive = [r for r in rows if condition(r.owner, r.age, patience) == "alive"]
    return row in alive and any(are_rivals(row, other) for other in alive)


def unattended(
    report: dict[str, Any],
    rows: Sequence[Any],
    patience: float,
    controllers: Sequence[str],
) -> list[str]:
    """What to start where, for each flow that no conductor alive could carry out.

    :param report: what :func:`amphv2_bootstrap.cmd.output.report.describe` gives.
    :param rows: see :meth:`Store.conductors`.
    """
    alive = {
        row.host for row in rows if condition(row.owner, row.age, patience) == "alive"
    }
    start = "start amphv2-conductor, or run 'amphv2-bootstrap run', there"
    found = []
    for flow in report["flows"]:
        host, is_live = flow["host"], flow["state"] in ("ready", "running")
        if is_live and host is None and not alive:
            names = ", ".join(controllers)
            found.append(f"No conductor is alive. Of {names}, choose one, and {start}.")
        elif is_live and host is not None and host not in alive:
            name = f"The flow {flow['name']} is {host}'s own"
            found.append(f"{name}, where no conductor is alive: {start}.")
    return found


def controllers(
    store: "Store", reports: "Sequence[HostReport]", names: Sequence[str]
) -> "list[Controller]":
    """What is known of each of the named controllers, in that order.

    One that reports is seen when it does; else by its conductor's signs of life.
    """
    by_host = {report.host: report for report in reports}
    seen: dict[str, float] = {}
    for row in store.conductors():
        seen[row.host] = min(row.age, seen.get(row.host, row.age))
    seen.update((report.host, report.age) for report in reports)
    return [_controller(name, by_host.get(name), seen.get(name)) for name in names]


def _controller(
    name: str, report: "HostReport | None", silent: float | None
) -> "Controller":
    from amphv2_bootstrap.checks.agreement import Controller
    from amphv2_bootstrap.engine.conductor.reporter import UNREADABLE

    silent = None if silent is None else max(silent, 0.0)
    if report is None:
        return Controller(name, silent_seconds=silent)
    unreadable = report.content.get(UNREADABLE)
    return Controller(
        name,
        None if unreadable else report.content,
        unreadable,
        report.version,
        report.clock_offset,
        silent,
    )
