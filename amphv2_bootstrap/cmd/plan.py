# SPDX-License-Identifier: Apache-2.0
"""``plan``: what a post would do, as seen from this host."""

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from cliff.columns import FormattableColumn
from cliff.lister import Lister

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written
from amphv2_bootstrap.cmd.output.fitting import columns_of, fitted
from amphv2_bootstrap.cmd.output.formats import OwnFormats, RowsFormatter
from amphv2_bootstrap.cmd.post import (
    add_controllers_argument,
    controllers_of,
    say_database,
    seconds,
)
from amphv2_bootstrap.errors import InvalidInputError

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.conf.build import Loaded
    from amphv2_bootstrap.engine.records import NewFlowRun
    from amphv2_bootstrap.steps.base import Change, Step
    from amphv2_bootstrap.steps.plan.foresight import Planned

    Found = list[tuple[NewFlowRun, Planned]]

_COLUMNS = (
    "stage",
    "flow",
    "host",
    "step",
    "aim",
    "state",
    "summary",
    "changes",
    "unseen",
    "warnings",
    "problem",
)
_HEAD = {"stage": "Stage {}:", "flow": "{}", "host": "on {}"}


class Host(FormattableColumn[str | None]):
    """The host of a flow; None is any controller, and null in JSON."""

    def human_readable(self) -> str:
        return self._value or "any controller"

    def __format__(self, spec: str) -> str:
        return format(self.human_readable(), spec)


class Changes(FormattableColumn[Any]):
    """The changes of a step; in JSON a list of objects."""

    def human_readable(self) -> str:
        return "\n".join(itertools.chain.from_iterable(map(_shown, self._value)))

    def machine_readable(self) -> list[dict[str, str]]:
        names = ("kind", "on", "text")
        return [{name: getattr(one, name) for name in names} for one in self._value]


class Plan(Guarded, OwnFormats, Lister):
    """Show what 'post-job' would change; changes nothing.

    Each step looks at the servers and at this host's files, just as it does before it
    acts: the SQL, a diff of octavia.conf, packages, services to be restarted, in
    their order; and what check-prerequisites finds wrong. Secrets are masked. What
    can't be looked at yet says so. The key-value backend is tried by an entry beside
    Octavia's, which is removed.

    With '--all' the conductors of all controllers look, too. While a job is at work,
    that is possible, but what it changes meanwhile may be missed. No job waits for it,
    and 'job list' doesn't show it.

    Exit code 0: nothing to change; 4: there are changes; 1: there are problems, or a
    host has not answered; 2: the configuration has problems, all of which are reported.

    Examples:
      amphv2-bootstrap plan -f json
      amphv2-bootstrap plan --all --timeout 60
    """

    formats = "plan_formatters"
    default_format = "steps"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        as_written(parser)
        add_controllers_argument(parser)
        parser.add_argument(
            "--all",
            action="store_true",
            help="have the conductor of each controller look at its own host",
        )
        parser.add_argument(
            "--timeout",
            type=seconds,
            metavar="SECONDS",
            help="with --all: wait for their answers so long at most (default: 600)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        if parsed_args.timeout is not None and not parsed_args.all:
            raise InvalidInputError(
                ["--timeout has no effect without --all. Add --all, or leave it out."]
            )
        runtime = self.runtime(controllers_of(parsed_args))
        say_database(runtime.loaded)
        look = _look_everywhere if parsed_args.all else _look_here
        found = look(runtime, parsed_args.timeout)
        states = [planned.state for _, planned in found]
        if {"problem", "unanswered"} & {*states}:
            self.exit_code = exit_codes.FAILED
        elif "changes" in states:
            self.exit_code = exit_codes.CHANGES
        _conclude([planned for _, planned in found])
        return _COLUMNS, [_row(flow_run, planned) for flow_run, planned in found]


def _look_here(runtime: "Runtime", _timeout: float | None) -> "Found":
    """Each step of each flow, looked at if this host may carry it out."""
    from amphv2_bootstrap.adapters.octavia.site import asking_once

    with asking_once():
        return list(_look(runtime.loaded))


def _look(loaded: "Loaded") -> "Iterator[tuple[NewFlowRun, Planned]]":
    from amphv2_bootstrap.steps.plan.foresight import foresee, unseen

    ahead: set[str] = set()  # of the stages before
    for flow_run, steps in _steps(loaded):
        why = _why_not_here(loaded, flow_run.host)
        found = unseen(steps, why) if why else foresee(steps, ahead, _begin)
        for planned in found:
            if planned.state in ("changes", "elsewhere") and flow_run.stage == 0:
                ahead.add(planned.step)
            yield flow_run, planned


def _look_everywhere(runtime: "Runtime", timeout: float | None) -> "Found":
    """Each step of each flow, looked at by a conductor that may carry it out."""
    from amphv2_bootstrap.cmd.asking import DEFAULT_SECONDS, ask_all
    from amphv2_bootstrap.steps.plan.foresight import State, masked, unseen

    answers = ask_all(runtime, timeout or DEFAULT_SECONDS)
    by_flow = {(answer.flow, answer.host): answer for answer in answers}
    found: Found = []
    for flow_run, steps in _steps(runtime.loaded):
        answer = by_flow[flow_run.flow, flow_run.host]
        missing = unseen(steps, answer.why, State.UNANSWERED)
        for planned in answer.found or missing:
            found.append((flow_run, masked(planned, runtime.masker)))
    return found


def _steps(loaded: "Loaded") -> "Iterator[tuple[NewFlowRun, list[Step]]]":
    """The flows of a job of this configuration, with their steps."""
    from amphv2_bootstrap.engine.execution.registry import RegisteredFlows, atoms
    from amphv2_bootstrap.posting.composition import flow_runs_of
    from amphv2_bootstrap.steps.base import Context

    flows = RegisteredFlows()
    context = Context(loaded.spec, loaded.host, loaded.secrets)
    for flow_run in flow_runs_of(loaded.spec):
        yield flow_run, list(atoms(flows.factory(flow_run.flow)(context)))


def _why_not_here(loaded: "Loaded", host: str | None) -> str:
    """Why this host can't look at that host's flow, as a clause; else empty."""
    here = loaded.host.name
    if host not in (None, here):
        return f"run 'amphv2-bootstrap plan' on {host}"
    has_octavia = all(Path(file).exists() for file in loaded.host.config_files)
    if host is None and not has_octavia and here not in loaded.spec.controllers:
        return f"{here} is no controller: run 'amphv2-bootstrap plan' on one"
    return ""


def _begin(step: str) -> None:
    if sys.stderr.isatty():
        print(f"looking: {step}", file=sys.stderr, flush=True)


def _conclude(found: "Sequence[Planned]") -> None:
    """Say on stderr how much there is to do, and how to begin."""
    changes = sum(len(planned.changes) for planned in found)
    problems = sum(planned.state == "problem" for planned in found)
    unanswered = sum(planned.state == "unanswered" for planned in found)
    if problems:
        todo = f"{problems} steps have a problem: a job would park there."
    elif changes:
        todo = f"Changes: {changes}. To begin: amphv2-bootstrap post-job --wait"
    else:
        todo = "There is nothing to change."
    if unanswered:
        todo = f"Steps that nobody has looked at: {unanswered}. {todo}"
    print(f"Nothing was changed. {todo}", file=sys.stderr)


def _row(flow_run: "NewFlowRun", planned: "Planned") -> tuple[Any, ...]:
    return (
        flow_run.stage,
        flow_run.flow,
        Host(flow_run.host),
        planned.step,
        planned.aim,
        str(planned.state),
        planned.summary,
        Changes(planned.changes),
        planned.unseen,
        list(planned.warnings),
        planned.problem,
    )


def _shown(change: "Change") -> Iterator[str]:
    """A change in lines: on one line, or below a line that says where it is."""
    lines = [_printable(line) for line in change.text.splitlines()]
    if len(lines) > 1:
        yield from (f"{change.kind}:", *(f"  {line}" for line in lines))
    else:
        yield f"{change.kind} ({change.on}): {''.join(lines)}"


def _printable(line: str) -> str:
    return "".join(filter(str.isprintable, line.expandtabs()))


class StepsFormatter(RowsFormatter):
    """Each flow with its steps below it."""

    def write(self, rows: Sequence[dict[str, Any]], stdout: TextIO) -> None:
        columns = columns_of(stdout)
        shown: dict[str, str] = {}
        for head, steps in itertools.groupby(rows, key=_head):
            stdout.write(head)
            for step in steps:
                stdout.writelines(f"{line}\n" for line in _lines(step, shown, columns))


def _head(row: Mapping[str, Any]) -> str:
    """The line above a flow's steps, with the requested columns only."""
    found = [text.format(row[name]) for name, text in _HEAD.items() if name in row]
    return " ".join(found) + "\n" if found else ""


def _lines(
    row: Mapping[str, Any], shown: dict[str, str], columns: int | None
) -> Iterator[str]:
    """A step's lines; the changes stay whole: operators copy them.

    :param shown: the step that had each problem, or hint to another host, first.
    """
    step, state = row.get("step", ""), row.get("state", "")
    if step or state:
        yield f"  {step:<30} {state}".rstrip()
    yield from (_indented(text, columns) for text in _before(row, state))
    if "changes" in row:
        text = row["changes"].human_readable()
        yield from (f"      {line}" for line in text.splitlines())
    yield from (_indented(text, columns) for text in _after(row, state, shown))


def _before(row: Mapping[str, Any], state: str) -> Iterator[str]:
    """What is said of a step before its changes."""
    if "aim" in row and state not in ("unchanged", "changes"):
        yield row["aim"]
    if row.get("summary") and state == "unchanged":
        yield row["summary"]


def _after(row: Mapping[str, Any], state: str, shown: dict[str, str]) -> Iterator[str]:
    """What is said of a step after its changes; see :func:`_lines`."""
    step, unseen = row.get("step", ""), row.get("unseen")
    once = state in ("elsewhere", "unanswered")
    if unseen and (not once or shown.setdefault(unseen, step) == step):
        yield f"Not looked at yet: {unseen}."
    yield from (f"Warning: {each}" for each in row.get("warnings", ()))
    problem = row.get("problem")
    if problem:
        first = shown.setdefault(problem, step)
        same = f"the same as of {first}" if first != step else problem
        yield f"Problem: {same}"


def _indented(text: str, columns: int | None) -> str:
    return fitted(f"      {_printable(text)}", columns)
