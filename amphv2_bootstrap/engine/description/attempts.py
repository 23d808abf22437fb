# SPDX-License-Identifier: Apache-2.0
"""Every run of every step of a job, with who carried it out, from its events."""

import enum
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from amphv2_bootstrap.engine.records import Event, FlowRun, FlowState
from amphv2_bootstrap.engine.storage.store import ATOM_EVENT

CLAIMED = "claimed"
_BEGINS = ("RUNNING", "REVERTING")
_STOPS = (CLAIMED, *(state.value for state in FlowState))
"""What happens to a flow, after which none of its steps runs any more."""


class AttemptState(enum.StrEnum):
    """How it stands: ``cut off`` where nobody has written an end of it.

    ``lost``: its conductor gives no sign of life, and nobody has the flow yet.
    """

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    CUT_OFF = "cut off"
    LOST = "lost"


_ENDS = {
    "SUCCESS": AttemptState.DONE,
    "FAILURE": AttemptState.FAILED,
    "REVERTED": AttemptState.UNDONE,
    "REVERT_FAILURE": AttemptState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a step by one conductor; times in epoch seconds.

    ``ended_at`` of one that was cut off is when the next conductor took the flow, or
    when it was stopped; None while it runs.
    """

    flow_run_uuid: str
    step: str
    owner: str
    started_at: float
    undoes: bool = False
    ended_at: float | None = None
    state: AttemptState = AttemptState.RUNNING


@dataclass(frozen=True, slots=True)
class Takeover:
    """A flow that came to another conductor, after that one had begun it."""

    flow_run_uuid: str
    at: float
    before: str
    after: str


@dataclass(slots=True)
class _Reading:
    """What the events of one flow say, as far as they were read."""

    open: dict[str, Attempt] = field(default_factory=dict)
    closed: list[Attempt] = field(default_factory=list)

    def close(self, step: str, at: float, state: AttemptState) -> None:
        attempt = self.open.pop(step, None)
        if attempt is not None:
            self.closed.append(replace(attempt, ended_at=at, state=state))

    def read(self, event: Event) -> None:
        if event.kind in _STOPS:
            for step in list(self.open):
                self.close(step, event.at, AttemptState.CUT_OFF)
        elif event.kind == ATOM_EVENT and event.atom:
            state = _ENDS.get(event.message or "", AttemptState.CUT_OFF)
            self.close(event.atom, event.at, state)
            if event.message in _BEGINS:
                self.open[event.atom] = Attempt(
                    event.flow_run_uuid or "",
                    event.atom,
                    event.owner,
                    event.at,
                    event.message == "REVERTING",
                )


def attempts(
    run: FlowRun, events: Sequence[Event], living: Collection[str]
) -> list[Attempt]:
    """The runs of the flow's steps, in the order of their starts.

    :param events: of the flow's job, in their order.
    :param living: the names of the conductors that are alive.
    """
    reading = _Reading()
    for event in events:
        if event.flow_run_uuid == run.uuid:
            reading.read(event)
    found = [
        *reading.closed,
        *(_open(one, run, living) for one in reading.open.values()),
    ]
    return sorted(found, key=lambda attempt: attempt.started_at)


def _open(attempt: Attempt, run: FlowRun, living: Collection[str]) -> Attempt:
    if run.state is not FlowState.RUNNING:
        return replace(attempt, state=AttemptState.CUT_OFF)
    if attempt.owner not in living:
        return replace(attempt, state=AttemptState.LOST)
    return attempt


def takeovers(run: FlowRun, events: Sequence[Event]) -> Iterator[Takeover]:
    """Each time that the flow came to another conductor than the one before."""
    before = None
    for event in events:
        if event.flow_run_uuid == run.uuid and event.kind == CLAIMED:
            if before not in (None, event.owner):
                yield Takeover(run.uuid, event.at, before, event.owner)
            before = event.owner
