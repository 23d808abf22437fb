# SPDX-License-Identifier: Apache-2.0
"""The head of a bootstrap, and what its state means for an exit code."""

from typing import Any

from amphv2_bootstrap.cmd import exits
from amphv2_bootstrap.engine.records import Bootstrap
from amphv2_bootstrap.engine.report import summarize
from amphv2_bootstrap.engine.store import Store

_ENDS = {
    "done": exits.DONE,
    "parked": exits.FAILED,
    "reverted": exits.FAILED,
    "cancelled": exits.FAILED,
}


def head(store: Store, bootstrap: Bootstrap) -> dict[str, Any]:
    """The whole's id, state and times."""
    fresh = store.bootstrap(bootstrap.uuid)
    return summarize(fresh, [job.state for job in store.jobs_of(fresh.uuid)])


def head_of(report: dict[str, Any]) -> dict[str, Any]:
    """The same, taken out of what :func:`describe` gave."""
    names = ("id", "state", "posted_at", "finished_at", "posted_by")
    return {name: report[name] for name in names}


def exit_code(state: str) -> int | None:
    """The exit code that a state means; None while it isn't at rest."""
    return _ENDS.get(state)
