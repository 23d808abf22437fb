# SPDX-License-Identifier: Apache-2.0
"""The engine's nouns as values: jobs, flow runs, steps, events."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class FlowState(enum.StrEnum):
    """Where a flow run stands.

    ``waiting`` for the stage before, or for its turn; ``ready`` to be claimed;
    ``running``; ``parked`` until the operator resumes it; and four ends.
    """

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    PARKED = "parked"
    DONE = "done"
    REVERTED = "reverted"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


PASSED = (FlowState.DONE, FlowState.SKIPPED)
"""The ends after which the next stage may begin."""
TERMINAL = (*PASSED, FlowState.REVERTED, FlowState.CANCELLED)
LIVE = (FlowState.READY, FlowState.RUNNING)
LONGEST_REASON = 8000
"""Characters: a longer one might not fit into its column of 64 KB."""


@dataclass(frozen=True, slots=True)
class NewFlowRun:
    """A flow run to create: which flow, in which stage, for which host (None: any).

    ``at_once`` flows of the stage may be under way at once; None: all.
    """

    flow: str
    stage: int
    host: str | None = None
    shape: str = ""
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A row of ``flow_runs``: one flow of a job, dispatched as one board entry.

    ``flow`` is the flow's registered name, ``host`` the only one that may carry it
    out (None: any). ``book_uuid`` and ``flow_detail_uuid`` are taskflow's records.
    """

    sequence: int
    uuid: str
    job_uuid: str
    flow: str
    shape: str
    stage: int
    host: str | None
    state: FlowState
    reason: str | None
    reverting: bool
    epoch: int
    owner: str | None
    book_uuid: str
    flow_detail_uuid: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    at_once: int | None = None

    @property
    def is_begun(self) -> bool:
        """Whether a step of it may have run; it has not ended yet."""
        return self.started_at is not None and not self.state.is_terminal

    @property
    def name(self) -> str:
        """See :func:`flow_name`."""
        return flow_name(self.flow, self.host)

    def __str__(self) -> str:
        """Job, flow and host, as in every log line."""
        return described(self.job_uuid, self.flow, self.host)


def flow_name(flow: str, host: str | None) -> str:
    """``FLOW/HOST``, or ``FLOW`` where any host may carry it out."""
    return f"{flow}/{host}" if host else flow


def described(job_uuid: str, flow: str, host: str | None) -> str:
    """Job, flow and host, for log lines and messages."""
    return f"Job {job_uuid}, flow {flow} on {host or 'any controller'}"


@dataclass(frozen=True, slots=True)
class Job:
    """A row of ``jobs``: what an operator posted, with one id.

    ``kind`` is None for a job that changes something. Others, such as a plan, are
    read-only: they only look, run beside it, and are listed and counted nowhere.
    """

    uuid: str
    spec: Mapping[str, Any]
    spec_digest: str
    fingerprints: Mapping[str, str]
    on_failure: str
    posted_by: str
    created_at: float
    finished_at: float | None
    seal: str | None = None
    paused_at: float | None = None
    paused_by: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Drain:
    """That the operator ``by`` has drained a host: its conductors claim nothing new.

    ``since`` is in epoch seconds by the database's clock.
    """

    host: str
    since: float
    by: str


@dataclass(frozen=True, slots=True)
class NewSecrets:
    """New fingerprints and seal of a job; ``names`` are the secrets that differ."""

    names: Sequence[str]
    fingerprints: Mapping[str, str]
    seal: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a flow run as the operator sees it. Times in epoch seconds."""

    name: str
    state: str
    host: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    runs: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    retrying_since: float | None = None
    retrying_why: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What ``owner`` did, when and why; events are only ever added."""

    at: float
    kind: str
    owner: str
    flow_run_uuid: str | None = None
    atom: str | None = None
    message: str | None = None
    seal: str | None = None


def overall_state(states: Sequence[FlowState]) -> str:
    """The one state of a job, from the states of its flow runs."""
    present = set(states)
    if present <= set(PASSED):
        return "done"
    for state in (FlowState.RUNNING, FlowState.READY, FlowState.PARKED):
        if state in present:
            return state.value
    if FlowState.REVERTED in present:
        return "reverted"
    return "cancelled" if FlowState.CANCELLED in present else "waiting"
