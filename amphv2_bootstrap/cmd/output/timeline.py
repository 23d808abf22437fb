# SPDX-License-Identifier: Apache-2.0
"""A bootstrap as a timeline to read; its JSON form comes from engine.report."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from cliff.columns import FormattableColumn
from cliff.formatters.base import SingleFormatter

_MARKS = {
    "SUCCESS": "done",
    "FAILURE": "FAILED",
    "RUNNING": "running",
    "PENDING": "pending",
    "REVERTING": "undoing",
    "REVERTED": "undone",
    "REVERT_FAILURE": "UNDO FAILED",
}


class TimelineFormatter(SingleFormatter):
    """Fields as ``name: value``, then the flows with a line per step."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """It has no arguments."""

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Iterable[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        for name, value in zip(column_names, data, strict=True):
            if isinstance(value, FormattableColumn):
                stdout.write(f"\n{value.human_readable()}\n")
            else:
                stdout.write(f"{name + ':':<13} {'-' if value is None else value}\n")


class Timeline(FormattableColumn[list[dict[str, Any]]]):
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
    if flow["waits_for"]:
        lines.append(f"  ! waits for {flow['waits_for']}")
    return [*lines, *(line for task in flow["tasks"] for line in task_lines(task))]


def stopped_lines(flow: dict[str, Any]) -> list[str]:
    """Of a flow that is parked or was reverted: the step, and why. Else nothing."""
    if flow["state"] not in ("parked", "reverted"):
        return []
    where = f" on {flow['host']}" if flow["host"] else ""
    lines = [f"{flow['name']}{where}: {flow['state']}"]
    reason = flow["reason"] or ""
    for task in flow["tasks"]:
        if task["state"] in ("FAILURE", "REVERT_FAILURE"):
            lines.append(f"  step:   {task['name']} on {task['host']}")
            reason = reason.removeprefix(f"{task['name']}: ")
    return [*lines, f"  reason: {reason}"] if reason else lines


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
