# SPDX-License-Identifier: Apache-2.0
"""``verify``: whether the jobboard works, now and here."""

import argparse
import dataclasses
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from cliff.lister import Lister

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written
from amphv2_bootstrap.cmd.output.fitting import columns_of, fitted
from amphv2_bootstrap.cmd.output.formats import OwnFormats, RowsFormatter
from amphv2_bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from amphv2_bootstrap.checks.finding import Check, Finding
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.spec.masking import Masker
    from amphv2_bootstrap.steps.base import Context

_COLUMNS = ("check", "state", "message", "todo")
_FAILED = "failed"
_PROOF = "canary"
_TIDYING = (_PROOF, "drill")
"""The checks that remove what they made, also when they are stopped."""


class Verify(Guarded, OwnFormats, Lister):
    """Check that Octavia's jobboard works as it is; changes nothing there.

    Compares this host's octavia.conf with what is wanted, and looks at accounts,
    grants, tables and the key-value backend. Then it sends a job through the
    jobboard by Octavia's own code, on a namespace beside Octavia's, and leaves
    nothing of it behind. Exit code 0, or 1 where a check failed or the jobboard
    could not be proven. The time of a success is noted for the conductor's metrics.

    Examples:
      amphv2-bootstrap verify --controllers
    """

    formats = "verify_formatters"
    default_format = "lines"
    _check = ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = as_written(super().get_parser(prog_name))
        parser.add_argument(
            "--drill",
            action="store_true",
            help="also kill one of two conductors of Octavia's own in the middle of a "
            "flow, on a namespace beside Octavia's, and measure when the other goes "
            "on; takes jobboard_expiration_time or a little longer",
        )
        parser.add_argument(
            "--controllers",
            action="store_true",
            help="also compare what the conductors report of all controllers: every "
            "option, versions, client libraries, clocks",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.checks.verification import CHECKS, verify
        from amphv2_bootstrap.steps.base import Context

        cancelled = threading.Event()
        self.stop_on_signals(cancelled.set, lambda: self._check in _TIDYING)
        runtime = self.runtime()
        loaded = runtime.loaded
        context = Context(loaded.spec, loaded.host, loaded.secrets, cancelled)
        checks = [*CHECKS, _engine(runtime)]
        if parsed_args.controllers:
            checks.append(_agreement(runtime))
        if parsed_args.drill:
            checks.append(_drill)
        found = [
            _masked(finding, runtime.masker)
            for finding in verify(context, checks, self._begin)
        ]
        if any(finding.state == _FAILED for finding in found):
            self.exit_code = exit_codes.FAILED
        else:
            _note(loaded.host.state_path)
        return _COLUMNS, [dataclasses.astuple(finding) for finding in found]

    def _begin(self, name: str) -> None:
        self._check = name
        if sys.stderr.isatty():
            _say(f"checking: {name}")


def _note(state_path: str) -> None:
    """Note the success for the metrics; ``verify`` succeeds without it, too."""
    from amphv2_bootstrap.checks import last_success

    try:
        last_success.note(state_path)
    except BootstrapError as exc:
        _say(f"The metrics won't have this success: {exc}")


def _masked(finding: "Finding", masker: "Masker") -> "Finding":
    message, todo = masker.text(finding.message), masker.text(finding.todo)
    return dataclasses.replace(finding, message=message, todo=todo)


def _drill(context: "Context") -> "Iterable[Finding]":
    from amphv2_bootstrap.checks.host import drill

    return drill(context, _say)


def _engine(runtime: "Runtime") -> "Check":
    """The check of this program's own database and jobboard."""
    from amphv2_bootstrap.checks.finding import WARNING, Finding

    def engine(context: "Context") -> "Iterable[Finding]":
        try:
            for risk in runtime.risks():
                yield Finding("engine", WARNING, risk)
            for drain in runtime.drains():
                message = f"{drain.by} has drained {drain.host}: its flows wait"
                todo = f"Run 'amphv2-bootstrap conductor undrain {drain.host}'."
                yield Finding("engine", WARNING, message, todo)
        except BootstrapError as exc:
            yield Finding.of("engine", exc, WARNING)

    return engine


def _agreement(runtime: "Runtime") -> "Check":
    """The check that compares the controllers by their reports."""
    from amphv2_bootstrap.checks.agreement import compare
    from amphv2_bootstrap.cmd.conductor.controllers import controllers

    def agreement(context: "Context") -> "Iterable[Finding]":
        names = context.spec.controllers
        return compare(controllers(runtime.store, runtime.reports.all(), names))

    return agreement


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class LinesFormatter(RowsFormatter):
    """A line for each finding, then what to do, then whether the jobboard is proven."""

    def write(self, rows: Sequence[dict[str, Any]], stdout: TextIO) -> None:
        text = "\n".join([*map(_line, rows), *_todos(rows)]) + "\n"
        stdout.write(fitted(text + _conclusion(rows), columns_of(stdout)))


def _line(row: dict[str, Any]) -> str:
    state = str(row.get("state", ""))
    mark = state.upper() if state == _FAILED else state
    line = f"{mark:<8} {row.get('check', ''):<18} {row.get('message', '')}"
    return line.rstrip()


def _todos(rows: Sequence[dict[str, Any]]) -> list[str]:
    found = [f"  {r.get('check', '')}: {r['todo']}" for r in rows if r.get("todo")]
    return ["", "What to do:", *found] if found else []


def _conclusion(rows: Sequence[dict[str, Any]]) -> str:
    """The last line; empty where the requested columns don't say."""
    states = [one.get("state") for one in rows if one.get("check") == _PROOF]
    if not states or None in states:
        return ""
    proven = "proven: a job went through it" if "ok" in states else "NOT PROVEN"
    return f"\nThe jobboard is {proven}.\n"
