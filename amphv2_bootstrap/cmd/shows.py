# SPDX-License-Identifier: Apache-2.0
"""How bootstraps are laid out on a terminal; JSON comes from engine.report."""

from typing import Any

from cliff.columns import FormattableColumn

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
_MARKS = {
    "SUCCESS": "done",
    "FAILURE": "FAILED",
    "RUNNING": "running",
    "PENDING": "pending",
    "REVERTING": "undoing",
    "REVERTED": "undone",
    "REVERT_FAILURE": "UNDO FAILED",
}


def head(store: Store, bootstrap: Bootstrap) -> dict[str, Any]:
    """The whole's id, state and times."""
    fresh = store.bootstrap(bootstrap.uuid)
    return summarize(fresh, [job.state for job in store.jobs_of(fresh.uuid)])


def exit_code(state: str) -> int | None:
    """The exit code that a state means; None while it isn't at rest."""
    return _ENDS.get(state)


class Timeline(FormattableColumn):  # type: ignore[misc]
    """A bootstrap's flows: a readable timeline, or the JSON form as it is."""

    def human_readable(self) -> str:
        return "\n".join(line for flow in self._value for line in _flow_lines(flow))

    def machine_readable(self) -> Any:
        return self._value


def _flow_lines(flow: dict[str, Any]) -> list[str]:
    where = f" on {flow['host']}" if flow["host"] else ""
    lines = [f"{flow['name']}{where}: {flow['state']}"]
    if flow["reason"]:
        lines.append(f"  ! {flow['reason']}")
    return [*lines, *(line for task in flow["tasks"] for line in task_lines(task))]


def task_lines(task: dict[str, Any]) -> list[str]:
    """A step in one line: state, host, duration, what it came to; then warnings."""
    seconds = "" if task["seconds"] is None else f"{task['seconds']:.2f} s"
    resumed = f" (run {task['runs']} times)" if task["runs"] > 1 else ""
    summary = task["summary"] or task["reason"] or ""
    state = _MARKS.get(task["state"], task["state"].lower())
    line = (
        f"  {task['name']:<30} {state:<8} {task['host'] or '-':<12} "
        f"{seconds:>8}  {summary}{resumed}"
    )
    warnings = [f"    warning: {text}" for text in task["warnings"]]
    return [line.rstrip(), *warnings]
