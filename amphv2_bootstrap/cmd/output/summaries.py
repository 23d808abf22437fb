# SPDX-License-Identifier: Apache-2.0
"""The head of a job, and its state as an exit code."""

from typing import Any

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.engine.description.report import summarize
from amphv2_bootstrap.engine.records import Job
from amphv2_bootstrap.engine.storage.store import Store

_ENDS = {
    "done": exit_codes.DONE,
    "parked": exit_codes.FAILED,
    "reverted": exit_codes.FAILED,
    "cancelled": exit_codes.FAILED,
}


def head(store: Store, job: Job) -> dict[str, Any]:
    """The job's id, state and times, read anew."""
    fresh = store.job(job.uuid)
    return summarize(
        fresh, [flow_run.state for flow_run in store.flow_runs_of(fresh.uuid)]
    )


def unseen_head(job: Job) -> dict[str, Any]:
    """The same, while the engine's database is away: the state is unknown."""
    return {**summarize(job, []), "state": None}


def head_of(report: dict[str, Any]) -> dict[str, Any]:
    """The same, out of what :func:`describe` returned."""
    names = ("id", "state", "posted_at", "finished_at", "posted_by")
    return {name: report[name] for name in names}


def exit_code(state: str) -> int | None:
    """The exit code of a state; None while the job is not at rest."""
    return _ENDS.get(state)
