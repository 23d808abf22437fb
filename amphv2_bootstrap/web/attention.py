# SPDX-License-Identifier: Apache-2.0
"""What the reader of the page should know first: failures, waits and warnings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amphv2_bootstrap.engine.conductor.duplicate_hosts import has_duplicate
from amphv2_bootstrap.engine.liveness import ConductorRow, Liveness
from amphv2_bootstrap.engine.records import Drain, flow_name
from amphv2_bootstrap.web.overview import Overview
from amphv2_bootstrap.web.words import clock, duration

_DUPLICATE = (
    "conductors of this host name run on several machines: give each its own [DEFAULT] "
    "host"
)
FAILED, TROUBLE, WAITS, WARNING = "failed", "trouble", "waits", "warning"


@dataclass(frozen=True, slots=True)
class Note:
    """One of them: where, what, and the command that goes on, if there is one."""

    kind: str
    where: str
    text: str
    command: str = ""


def notes(overview: Overview) -> list[Note]:
    """The worst first; the same text of several flows once, with all of them."""
    found = [
        *(_of_job(overview.report) if overview.report else ()),
        *_of_conductors(overview.conductors),
        *map(_of_drain, overview.drains.values()),
    ]
    order = (FAILED, TROUBLE, WAITS, WARNING)
    return sorted(_grouped(found), key=lambda note: order.index(note.kind))


def _of_job(report: dict[str, Any]) -> Iterator[Note]:
    command, uuid = "amphv2-bootstrap job", report["id"]
    if report["paused_at"]:
        text = f"{report['paused_by']} has paused the job: no further flow begins"
        yield Note(WAITS, "job", text, f"{command} unpause {uuid}")
    for flow in report["flows"]:
        where = flow_name(flow["name"], flow["host"])
        if flow["state"] == "parked":
            text = flow["reason"] or "parked"
            yield Note(FAILED, where, text, f"{command} resume {uuid}")
        elif flow["reason"]:
            yield Note(TROUBLE, where, f"{flow['state']}: {flow['reason']}")
        if flow["waits_for"]:
            yield Note(WAITS, where, f"waits for {flow['waits_for']}")
        for step in flow["tasks"]:
            yield from _of_step(where, step)


def _of_step(where: str, step: dict[str, Any]) -> Iterator[Note]:
    if step["retrying_since"]:
        since = clock(step["retrying_since"])
        text = f"{step['name']} is tried again since {since}: {step['retrying_why']}"
        yield Note(TROUBLE, where, text)
    for text in step["warnings"]:
        yield Note(WARNING, where, text)


def _of_conductors(rows: Sequence[ConductorRow]) -> Iterator[Note]:
    for row in rows:
        if row.liveness is Liveness.DEAD:
            yield Note(TROUBLE, row.host, "the conductor has died")
        elif row.liveness is Liveness.SILENT:
            text = f"no sign of life of the conductor for {duration(row.age)}"
            yield Note(TROUBLE, row.host, text)
        elif row.board_error:
            text = f"the conductor can't reach the jobboard: {row.board_error}"
            yield Note(TROUBLE, row.host, text)
        if has_duplicate(row, rows):
            yield Note(TROUBLE, row.host, _DUPLICATE)


def _of_drain(drain: Drain) -> Note:
    command = f"amphv2-bootstrap conductor undrain {drain.host}"
    text = f"{drain.by} has drained the host: its conductor takes no flow"
    return Note(WAITS, drain.host, text, command)


def _grouped(found: Sequence[Note]) -> list[Note]:
    places: dict[tuple[str, str, str], list[str]] = {}
    for note in found:
        places.setdefault((note.kind, note.text, note.command), []).append(note.where)
    return [
        Note(kind, ", ".join(dict.fromkeys(where)), text, command)
        for (kind, text, command), where in places.items()
    ]
