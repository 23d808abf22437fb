# SPDX-License-Identifier: Apache-2.0
"""The picture of a job: a lane for the cloud and each host, a bar for each attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amphv2_bootstrap.engine.description.attempts import Attempt, AttemptState
from amphv2_bootstrap.engine.process_identity import host_of
from amphv2_bootstrap.web.axis import Axis, Break, Tick
from amphv2_bootstrap.web.overview import Overview
from amphv2_bootstrap.web.words import duration

WHOLE_CLOUD = "whole cloud"
COLOURS = 6
_NARROWEST = 0.7
"""Percent: a bar that is narrower can be neither seen nor hit by a finger."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One attempt of a step; ``x`` and ``width`` in percent of the lane."""

    x: float
    width: float
    step: str
    conductor: str
    owner: str
    colour: int
    state: AttemptState
    undoes: bool
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A take-over on a lane."""

    x: float
    before: str
    after: str
    colour: int


@dataclass(slots=True)
class Lane:
    """The flows of the cloud or of one host, and what was done in them."""

    name: str
    flows: list[dict[str, Any]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Picture:
    """The lanes with their common time axis; ``now`` is None where the job has ended.

    ``colours`` has the number of each conductor's colour by its host.
    """

    lanes: Sequence[Lane]
    ticks: Sequence[Tick]
    breaks: Sequence[Break]
    now: float | None
    colours: Mapping[str, int]


def draw(overview: Overview) -> Picture:
    """The picture of the overview's job; without lanes if there is none."""
    colours = _colours(overview)
    report = overview.report
    if report is None:
        return Picture([], [], [], None, colours)
    is_open = report["finished_at"] is None
    ends = [attempt.ended_at or overview.now for attempt in overview.attempts]
    spans = [
        (attempt.started_at, end)
        for attempt, end in zip(overview.attempts, ends, strict=True)
    ]
    begin = min([overview.began_at, *(start for start, _ in spans)])
    end = max([begin, *ends, *([overview.now] if is_open else [])])
    axis = Axis(spans, begin, end)
    lanes = _lanes(overview, axis, colours)
    now = axis.at(overview.now) if is_open else None
    return Picture(lanes, axis.ticks(), axis.breaks, now, colours)


def _colours(overview: Overview) -> dict[str, int]:
    """The same colour for the same host as long as the same hosts take part."""
    flows = overview.report["flows"] if overview.report else []
    names = {str(flow["host"]) for flow in flows if flow["host"]}
    names |= {row.host for row in overview.conductors}
    names |= {_host(attempt.owner) for attempt in overview.attempts}
    return {name: number % COLOURS for number, name in enumerate(sorted(names))}


def _host(owner: str) -> str:
    return host_of(owner) or owner


def _lanes(overview: Overview, axis: Axis, colours: Mapping[str, int]) -> list[Lane]:
    lanes: dict[str, Lane] = {}
    by_flow: dict[str, Lane] = {}
    assert overview.report is not None  # noqa: S101 - the caller has looked
    for flow in sorted(overview.report["flows"], key=lambda one: one["host"] or ""):
        name = flow["host"] or WHOLE_CLOUD
        lane = by_flow[flow["id"]] = lanes.setdefault(name, Lane(name))
        lane.flows.append(flow)
    for attempt in sorted(overview.attempts, key=lambda one: one.started_at):
        lane = by_flow[attempt.flow_run_uuid]
        lane.bars.append(_bar(attempt, lane, axis, colours, overview.now))
    for takeover in overview.takeovers:
        before, after = _host(takeover.before), _host(takeover.after)
        mark = Mark(axis.at(takeover.at), before, after, colours.get(after, 0))
        by_flow[takeover.flow_run_uuid].marks.append(mark)
    return list(lanes.values())


def _bar(
    attempt: Attempt, lane: Lane, axis: Axis, colours: Mapping[str, int], now: float
) -> Bar:
    """A bar that begins where the one before ends at the earliest: each can be hit."""
    last = lane.bars[-1] if lane.bars else None
    start = max(axis.at(attempt.started_at), last.x + last.width if last else 0.0)
    start = min(start, 100.0 - _NARROWEST)
    end = max(axis.at(attempt.ended_at or now), start + _NARROWEST)
    host = _host(attempt.owner)
    seconds = (attempt.ended_at or now) - attempt.started_at
    return Bar(
        x=round(start, 3),
        width=round(end - start, 3),
        step=attempt.step,
        conductor=host,
        owner=attempt.owner,
        colour=colours.get(host, 0),
        state=attempt.state,
        undoes=attempt.undoes,
        text=_text(attempt, host, seconds),
        anchor=f"{attempt.flow_run_uuid[:8]}-{attempt.step}",
    )


def _text(attempt: Attempt, host: str, seconds: float) -> str:
    verb = "undo " if attempt.undoes else ""
    taken = duration(seconds)
    how = {
        AttemptState.RUNNING: f"running for {taken}",
        AttemptState.LOST: f"no sign of life from its conductor; began {taken} ago",
        AttemptState.CUT_OFF: f"cut off; given up after {taken}",
    }.get(attempt.state, f"{attempt.state} in {taken}")
    return f"{verb}{attempt.step} by {host}: {how}"
