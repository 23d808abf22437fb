# SPDX-License-Identifier: Apache-2.0
"""The engine's nouns as values: bootstraps, jobs, steps, events."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class JobState(enum.StrEnum):
    """Where a job stands.

    ``waiting`` for the stage before; ``ready`` to be claimed; ``running``;
    ``parked`` until the operator resumes it; and three ends.
    """

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    PARKED = "parked"
    DONE = "done"
    REVERTED = "reverted"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = (JobState.DONE, JobState.REVERTED, JobState.CANCELLED)
LIVE = (JobState.READY, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job to be: which flow, in which stage, for which host (None: any)."""

    flow: str
    stage: int
    host: str | None = None
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A row of ``jobs``: one flow of a bootstrap, dispatched as one board entry."""

    sequence: int
    uuid: str
    bootstrap_uuid: str
    flow: str
    shape: str
    stage: int
    host: str | None
    state: JobState
    reason: str | None
    reverting: bool
    epoch: int
    owner: str | None
    book_uuid: str
    flow_uuid: str
    created_at: float
    started_at: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A row of ``bootstraps``: the whole, with one id."""

    uuid: str
    spec: Mapping[str, Any]
    spec_digest: str
    fingerprints: Mapping[str, str]
    on_failure: str
    posted_by: str
    created_at: float
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class NewSecrets:
    """Fingerprints to take the place of a bootstrap's; ``names``: whose differ."""

    names: Sequence[str]
    fingerprints: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One atom of a job as the operator sees it. Times in epoch seconds."""

    name: str
    state: str
    host: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    runs: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Who did what, when and why; append-only."""

    at: float
    kind: str
    owner: str
    job_uuid: str | None = None
    atom: str | None = None
    message: str | None = None


def overall_state(states: Sequence[JobState]) -> str:
    """The one state of a bootstrap, from the states of its jobs."""
    present = set(states)
    if present <= {JobState.DONE}:
        return "done"
    for state in (JobState.RUNNING, JobState.READY, JobState.PARKED):
        if state in present:
            return state.value
    if JobState.REVERTED in present:
        return "reverted"
    return "cancelled" if JobState.CANCELLED in present else "waiting"
