# SPDX-License-Identifier: Apache-2.0
"""A bootstrap as its operators and their tools read it: a stable JSON form."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from amphv2_bootstrap.engine.process_identity import condition, host_of
from amphv2_bootstrap.engine.records import (
    Bootstrap,
    Job,
    JobState,
    Step,
    overall_state,
)
from amphv2_bootstrap.engine.storage.store import Store

_SILENT_SECONDS = 60.0
"""A conductor that has given no sign of life for so long isn't counted on."""


def describe(store: Store, bootstrap: Bootstrap) -> dict[str, Any]:
    """The whole with its flows and their steps; documented in the reference.

    Times are ISO 8601 in UTC, durations in seconds, unknown values None.
    """
    jobs = store.jobs_of(bootstrap.uuid)
    alive = _living(store)
    return {
        **summarize(bootstrap, [job.state for job in jobs]),
        "on_failure": bootstrap.on_failure,
        "flows": [_flow(store, job, alive) for job in jobs],
    }


def summarize(bootstrap: Bootstrap, states: list[JobState]) -> dict[str, Any]:
    """The head of :func:`describe`."""
    return {
        "id": bootstrap.uuid,
        "state": overall_state(states),
        "posted_at": iso(bootstrap.created_at),
        "finished_at": iso(bootstrap.finished_at),
        "posted_by": bootstrap.posted_by,
    }


def _living(store: Store) -> list[str]:
    """The conductors that may be counted on, by their owner's names."""
    return [
        row.owner
        for row in store.conductors()
        if condition(row.owner, row.age, _SILENT_SECONDS) == "alive"
    ]


def waits_for(job: Job, alive: Collection[str]) -> str | None:
    """Whom the job waits for that isn't there: the outcome *host lost*.

    :param alive: the owner's names of the conductors that are.
    """
    if job.state is JobState.RUNNING and job.owner not in alive:
        heir = job.host or "any controller, when its claim has expired"
        return f"a conductor on {heir}: that on {host_of(job.owner)} is lost"
    hosts = {host_of(owner) for owner in alive}
    if job.state is JobState.READY and not (job.host in hosts if job.host else hosts):
        return f"a conductor on {job.host or 'any controller'}"
    return None


def _flow(store: Store, job: Job, alive: Collection[str]) -> dict[str, Any]:
    return {
        "id": job.uuid,
        "name": job.flow,
        "host": job.host,
        "state": job.state.value,
        "reason": job.reason,
        "waits_for": waits_for(job, alive),
        "conductor": job.owner,
        "running_on": host_of(job.owner),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "tasks": [_task(step) for step in store.steps(job, store.atom_names(job))],
    }


def _task(step: Step) -> dict[str, Any]:
    seconds = None
    if step.started_at is not None and step.finished_at is not None:
        seconds = round(step.finished_at - step.started_at, 3)
    return {
        "name": step.name,
        "state": step.state,
        "host": step.host,
        "started_at": iso(step.started_at),
        "finished_at": iso(step.finished_at),
        "seconds": seconds,
        "runs": step.runs,
        "outcome": step.result.get("outcome"),
        "summary": step.result.get("summary"),
        "warnings": list(step.result.get("warnings", ())),
        "reason": step.reason,
    }


def iso(seconds: float | None) -> str | None:
    """Epoch seconds as ISO 8601 in UTC, to the millisecond."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
