# SPDX-License-Identifier: Apache-2.0
"""What conductors have reported of their hosts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from amphv2_bootstrap.engine.liveness import ConductorRow, Liveness, is_silent

if TYPE_CHECKING:
    from amphv2_bootstrap.checks.agreement import Controller
    from amphv2_bootstrap.engine.storage.host_reports import HostReport
    from amphv2_bootstrap.engine.storage.store import Store


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
