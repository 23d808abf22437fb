# SPDX-License-Identifier: Apache-2.0
"""``job history`` and ``job prune``."""

import argparse
from typing import TYPE_CHECKING, Any

from cliff.command import Command
from cliff.lister import Lister

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import add_id, as_written
from amphv2_bootstrap.cmd.output.lists import ListFormats

if TYPE_CHECKING:
    from amphv2_bootstrap.engine.records import Event

_COLUMNS = ("at", "by", "event", "flow", "step", "message")


class JobHistory(Guarded, ListFormats, Lister):
    """List everything that happened to a job: when, who, what and why.

    'by' is the host of the conductor or of the command that wrote it.

    Examples:
      amphv2-bootstrap job history
      amphv2-bootstrap job history 0b6b -f json
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_id(parser)
        return as_written(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        runtime = self.runtime()
        job = runtime.store.resolve(parsed_args.id)
        names = {run.uuid: run.name for run in runtime.store.flow_runs_of(job.uuid)}
        events = [event for _, event in runtime.store.events(job.uuid)]
        rows = [_row(event, names.get(event.flow_run_uuid or "")) for event in events]
        return _COLUMNS, [tuple(map(runtime.masker.value, row)) for row in rows]


def _row(event: "Event", flow: str | None) -> tuple[Any, ...]:
    from amphv2_bootstrap.engine.description.report import iso
    from amphv2_bootstrap.engine.process_identity import host_of
    from amphv2_bootstrap.engine.storage.store import ATOM_EVENT
    from amphv2_bootstrap.spec.masking import printable

    kind = "step" if event.kind == ATOM_EVENT else event.kind
    texts = (host_of(event.owner), kind, flow, event.atom, event.message)
    return (iso(event.at), *map(printable, texts))


def days(text: str) -> float:
    """Parse a finite number of days, 0 or more, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} isn't a number of days")
    return value


class PruneJobs(Guarded, Command):
    """Delete jobs that ended long ago, with their history.

    A job that hasn't ended is never deleted. Conductors do the same every hour where
    [conductor] history says so.

    Examples:
      amphv2-bootstrap job prune --older-than 90
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--older-than",
            type=days,
            required=True,
            metavar="DAYS",
            help="only jobs that ended more than so many days ago",
        )
        return as_written(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from amphv2_bootstrap.engine.storage.retention import DAY, prune

        database = self.runtime().store.database
        print(f"{prune(database, parsed_args.older_than * DAY)} job(s) deleted.")
