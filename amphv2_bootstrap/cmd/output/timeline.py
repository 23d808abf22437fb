# SPDX-License-Identifier: Apache-2.0
"""A job as a readable timeline; its JSON form comes from ``report``."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from cliff.columns import FormattableColumn
from cliff.formatters.base import SingleFormatter

from amphv2_bootstrap.cmd.output.fitting import columns_of, fitted

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
                text = f"\n{value.human_readable()}\n"
            else:
                text = f"{name + ':':<13} {'-' if value is None else value}\n"
            _write(fitted(text, columns_of(stdout)), stdout)


def _write(text: str, stdout: TextIO) -> None:
    if not stdout.isatty():
        stdout.write(text)
        return
    # Imported here: it takes a moment, which programs need not wait.
    from amphv2_bootstrap.cmd.output.colours import console

    console(stdout).print(text, end="", soft_wrap=True)


class Timeline(FormattableColumn[list[dict[str, Any]]]):
    """The flows of a job: a readable timeline, or the JSON form as it is."""

    def human_readable(self) -> str:
        lines = [line for flow in self._value for line in _flow_lines(flow)]
        warnings = warning_lines(self._value)
        return "\n".join([*lines, *(["", *warnings] if warnings else [])])

    def machine_readable(self) -> Any:
        return self._value


def _flow_lines(flow: dict[str, Any]) -> list[str]:
    where = f" on {flow['host']}" if flow["host"] else ""
    lines = [f"{flow['name']}{where}: {flow['state']}"]
    if flow["reason"]:
        lines.append(f"  ! {flow['reason']}")
    if flow["waits_for"]:
        lines.append(f"  ! waits for {flow['waits_for']}")
    return [*lines, *(line for step in flow["tasks"] for line in step_lines(step))]


def stopped_lines(flow: dict[str, Any]) -> list[str]:
    """Where and why a flow was parked or reverted; empty for other flows."""
    if flow["state"] not in ("parked", "reverted"):
        return []
    where = f" on {flow['host']}" if flow["host"] else ""
    lines = [f"{flow['name']}{where}: {flow['state']}"]
    reason = flow["reason"] or ""
    for step in flow["tasks"]:
        if step["state"] in ("FAILURE", "REVERT_FAILURE"):
            lines.append(f"  step:   {step['name']} on {step['host']}")
            reason = reason.removeprefix(f"{step['name']}: ")
    return [*lines, f"  reason: {reason}"] if reason else lines


def step_lines(step: dict[str, Any]) -> list[str]:
    """A step in one line: state, host, duration, summary."""
    seconds = "" if step["seconds"] is None else f"{step['seconds']:.2f} s"
    resumed = f" (run {step['runs']} times)" if step["runs"] > 1 else ""
    summary = _retrying(step) or step["summary"] or step["reason"] or ""
    state = _MARKS.get(step["state"], step["state"].lower())
    line = (
        f"  {step['name']:<30} {state:<8} {step['host'] or '-':<12} "
        f"{seconds:>8}  {summary}{resumed}"
    )
    return [line.rstrip()]


def warning_lines(flows: Sequence[dict[str, Any]]) -> list[str]:
    """Each warning once, with the steps that gave it; empty if there is none."""
    found: dict[str, list[str]] = {}
    for flow in flows:
        for step in flow["tasks"]:
            for text in step["warnings"]:
                places = found.setdefault(text, [])
                place = f"{step['name']} on {step['host']}"
                places += [] if place in places else [place]
    lines = [f"  {text} ({', '.join(places)})" for text, places in found.items()]
    return ["Warnings:", *lines] if lines else []


def _retrying(step: dict[str, Any]) -> str | None:
    """Since when (UTC) and why it is tried again; None if it isn't."""
    if not step["retrying_since"]:
        return None
    time = step["retrying_since"].partition("T")[2][:8]
    return f"retrying since {time} UTC: {step['retrying_why']}"
