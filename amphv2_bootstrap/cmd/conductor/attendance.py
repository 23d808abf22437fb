# SPDX-License-Identifier: Apache-2.0
"""Flows that no conductor can carry out now."""

from collections.abc import Sequence
from typing import Any

from amphv2_bootstrap.engine.description.waiting import absent
from amphv2_bootstrap.engine.liveness import ConductorRow, alive, board_outage

_SAID_THERE = (" drained", " refuses: ")
"""What ``waits_for`` says of conductors that are there, and don't take the flow."""


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
        waits_for = flow.get("waits_for") or ""
        if any(word in waits_for for word in _SAID_THERE):
            where = f" on {host}" if host else ""
            found.append(f"The flow {flow['name']}{where} waits for {waits_for}")
            continue
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
