# SPDX-License-Identifier: Apache-2.0
"""``plan``: what a post would do."""

import argparse
import itertools
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from cliff.columns import FormattableColumn
from cliff.lister import Lister

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.output.formats import OwnFormats, RowsFormatter
from amphv2_bootstrap.cmd.post import add_controllers_argument, controllers_of
from amphv2_bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from amphv2_bootstrap.conf.build import Loaded

_COLUMNS = ("stage", "flow", "host", "step", "aim")
_HEAD = {"stage": "Stage {}:", "flow": "{}", "host": "on {}"}


class Host(FormattableColumn[str | None]):
    """The host of a flow; None is any controller, and null in JSON."""

    def human_readable(self) -> str:
        return self._value or "any controller"

    def __format__(self, spec: str) -> str:
        return format(self.human_readable(), spec)


class Plan(Guarded, OwnFormats, Lister):
    """Show what 'post-job' would do: flow by flow, step by step.

    Reads only the configuration, and octavia.conf if it is on this host: changes
    nothing and contacts no server. Reports all problems of the configuration, with exit
    code 2. A stage begins when all flows of
    the stage before are done. Paths, commands and services are those of this host;
    other hosts use their own configuration. Steps leave alone what is right already:
    'amphv2-bootstrap verify' shows that.
    """

    formats = "plan_formatters"
    default_format = "steps"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_controllers_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        loaded = self.runtime(controllers_of(parsed_args)).loaded
        rows = list(_steps(loaded))
        _warn_of_the_file(loaded)
        print(
            "Nothing was changed. To begin: amphv2-bootstrap post-job --wait",
            file=sys.stderr,
        )
        return _COLUMNS, rows


def _steps(loaded: "Loaded") -> "Iterator[tuple[int, str, Host, str, str]]":
    from amphv2_bootstrap.engine.execution.registry import RegisteredFlows, atoms
    from amphv2_bootstrap.posting.composition import flow_runs_of
    from amphv2_bootstrap.steps.base import Context

    flows, spec = RegisteredFlows(), loaded.spec
    context = Context(spec, loaded.host, loaded.secrets)
    for flow_run in flow_runs_of(spec):
        for step in atoms(flows.factory(flow_run.flow)(context)):
            yield (
                flow_run.stage,
                flow_run.flow,
                Host(flow_run.host),
                step.name,
                step.aim,
            )


def _warn_of_the_file(loaded: "Loaded") -> None:
    """Say on stderr what the flow of this host will refuse, or warn of."""
    from amphv2_bootstrap.steps.base import Context
    from amphv2_bootstrap.steps.controller.ensure_client_library import (
        refuse_missing_library,
    )
    from amphv2_bootstrap.steps.controller.shutdown_time import shutdown_warnings
    from amphv2_bootstrap.steps.missing_options import refuse_missing_options
    from amphv2_bootstrap.steps.octavia_file import refuse_unwritable
    from amphv2_bootstrap.steps.provider import refuse_unused_jobboard

    if not all(Path(file).exists() for file in loaded.host.config_files):
        return  # no controller
    context = Context(loaded.spec, loaded.host, loaded.secrets)
    for refuse in (
        refuse_missing_options,
        refuse_missing_library,
        refuse_unwritable,
        refuse_unused_jobboard,
    ):
        try:
            refuse(context)
        except BootstrapError as exc:
            print(f"Warning: {loaded.secrets.masker.text(str(exc))}", file=sys.stderr)
    for warning in shutdown_warnings(context):
        print(f"Warning: {warning}", file=sys.stderr)


class StepsFormatter(RowsFormatter):
    """Each flow with its steps below it."""

    def write(self, rows: Sequence[dict[str, Any]], stdout: TextIO) -> None:
        for head, steps in itertools.groupby(rows, key=_head):
            stdout.writelines(
                [head, *(line for step in steps for line in _lines(step))]
            )


def _head(row: Mapping[str, Any]) -> str:
    """The line above a flow's steps, with the requested columns only."""
    found = [text.format(row[name]) for name, text in _HEAD.items() if name in row]
    return " ".join(found) + "\n" if found else ""


def _lines(row: Mapping[str, Any]) -> Iterator[str]:
    if "step" in row:
        yield f"  {row['step']}\n"
    if "aim" in row:
        yield _indented(row["aim"]) + "\n"


def _indented(text: str) -> str:
    indent = " " * 6
    return textwrap.fill(
        text,
        width=88,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
