# SPDX-License-Identifier: Apache-2.0
"""``conductor list``, and what conductors have reported of their hosts."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.engine.description.waiting import absent
from amphv2_bootstrap.engine.liveness import (
    ConductorRow,
    Liveness,
    alive,
    board_outage,
    is_silent,
)

if TYPE_CHECKING:
    from amphv2_bootstrap.checks.agreement import Controller
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


def unattended(
    report: dict[str, Any], rows: Sequence[ConductorRow], controllers: Sequence[str]
) -> list[str]:
    """What to do, and where, for each flow that no conductor can carry out now.

    :param report: what ``engine.description.report.describe`` gives.
    :param rows: see :meth:`Store.conductors`.
    """
    hosts = {row.host for row in alive(rows)}
    start = "start amphv2-conductor, or run 'amphv2-bootstrap run', there"
    found = []
    for flow in report["flows"]:
        host, is_live = flow["host"], flow["state"] in ("ready", "running")
        is_live |= flow.get("waits_for") == absent(host)
        if is_live and host is None and not hosts:
            names = ", ".join(controllers)
            found.append(f"No conductor is alive. Of {names}, choose one, and {start}.")
        elif is_live and host is not None and host not in hosts:
            name = f"The flow {flow['name']} is {host}'s own"
            found.append(f"{name}, where no conductor is alive: {start}.")
        elif is_live and (outage := board_outage(rows, host)):
            found.append(f"It waits for {outage}")
    return found


def controllers(
    store: "Store", reports: "Sequence[HostReport]", names: Sequence[str]
) -> "list[Controller]":
    """What is known of each of the named controllers, in that order.

    A host that reports was seen when it reported last, another one when its
    conductor last said that it is alive.
    """
    seen = {row.host: row for row in sorted(store.conductors(), key=_seen_at)}
    by_host = {report.host: report for report in reports}
    return [_controller(name, by_host.get(name), seen.get(name)) for name in names]


def _seen_at(row: ConductorRow) -> float:
    return row.seen_at


def _controller(
    name: str, report: "HostReport | None", row: ConductorRow | None
) -> "Controller":
    from amphv2_bootstrap.checks.agreement import Controller
    from amphv2_bootstrap.engine.conductor.reporter import REFRESH_SECONDS
    from amphv2_bootstrap.engine.storage.host_reports import UNREADABLE

    if report is None and row is None:
        return Controller(name)
    if report is None:
        assert row is not None  # noqa: S101 - mypy does not see it
        is_away = row.liveness is not Liveness.ALIVE
        return Controller(name, seen_ago=max(row.age, 0.0), is_silent=is_away)
    unreadable = report.content.get(UNREADABLE)
    return Controller(
        name,
        None if unreadable else report.content,
        unreadable,
        report.version,
        report.clock_offset,
        max(report.age, 0.0),
        is_silent(report.age, REFRESH_SECONDS),
    )
