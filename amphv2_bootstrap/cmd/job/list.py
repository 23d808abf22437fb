# SPDX-License-Identifier: Apache-2.0
"""``job list``."""

import argparse
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written
from amphv2_bootstrap.cmd.output.lists import ListFormats
from amphv2_bootstrap.engine.records import FlowState

if TYPE_CHECKING:
    from amphv2_bootstrap.engine.storage.store import Store

_COLUMNS = ("id", "state", "posted_at", "finished_at", "posted_by")
_MOST = 50
_STATES = sorted(state.value for state in FlowState if state is not FlowState.SKIPPED)


def moment(text: str) -> float:
    """Parse a date or a time of ISO 8601, in UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} isn't a date or time such as 2026-01-31 or 2026-01-31T09:15"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


class ListJobs(Guarded, ListFormats, Lister):
    """List the newest jobs, newest first; at most 50.

    Examples:
      amphv2-bootstrap job list
      amphv2-bootstrap job list --state parked --host controller2
      amphv2-bootstrap job list --since 2026-01-31T09:15
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--state", choices=_STATES, help="only jobs in this state")
        parser.add_argument("--host", help="only jobs with a flow of this host")
        parser.add_argument(
            "--since",
            type=moment,
            default=0.0,
            metavar="TIME",
            help="only jobs that were posted then or later (ISO 8601, UTC)",
        )
        return as_written(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        rows = _rows(self.runtime().store, parsed_args)
        newest = itertools.islice(rows, _MOST)
        return _COLUMNS, [tuple(row[name] for name in _COLUMNS) for row in newest]


def _rows(store: "Store", wanted: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from amphv2_bootstrap.engine.description.report import summarize

    is_filtered = wanted.state or wanted.host
    for job in store.jobs(None if is_filtered else _MOST, wanted.since):
        runs = store.flow_runs_of(job.uuid)
        row = summarize(job, [run.state for run in runs])
        if wanted.state in (None, row["state"]) and (
            wanted.host is None or any(run.host == wanted.host for run in runs)
        ):
            yield row
