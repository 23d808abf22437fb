# SPDX-License-Identifier: Apache-2.0
"""``job``: look at jobs, resume and cancel them."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from cliff.command import Command
from cliff.lister import Lister
from cliff.show import ShowOne

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.output.formats import OwnFormats
from amphv2_bootstrap.cmd.post import seconds, wait_for
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.errors import NotFoundError

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.engine.records import Job

_COLUMNS = ("id", "state", "posted_at", "finished_at", "posted_by")


def add_id(parser: argparse.ArgumentParser) -> None:
    """Add the optional id of a job."""
    parser.add_argument(
        "id",
        nargs="?",
        help="id of the job or of one of its flows, or the beginning of one (default: "
        "the newest job)",
    )


def add_host(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add ``--host``, which limits a command to the flows of one host."""
    parser.add_argument(
        "--host",
        required=required,
        help="only the flows of this host" if not required else "the host",
    )


def _check_host(runtime: "Runtime", job: "Job", host: str | None) -> None:
    """:raises NotFoundError: the job has no flow of this host."""
    flow_runs = runtime.store.flow_runs_of(job.uuid)
    names = dict.fromkeys(run.host for run in flow_runs if run.host)
    if host is not None and host not in names:
        raise NotFoundError(
            "find the host's flows",
            on=host,
            why="the job has none of this host",
            todo=f"Choose from {', '.join(names)}.",
        )


def as_written(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser; its description, which has examples, keeps its line breaks."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


class ListJobs(Guarded, Lister):
    """List the newest jobs, newest first."""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.cmd.output.summaries import head

        store = self.runtime().store
        rows = [head(store, job) for job in store.jobs()]
        return _COLUMNS, [tuple(row[name] for name in _COLUMNS) for row in rows]


class ShowJob(Guarded, OwnFormats, ShowOne):
    """Show a job: its flows, and each step's state, host, duration and reason.

    Without '-f' it is a timeline to read. With '-f json' or '-f yaml' the form is
    stable and documented; see the reference.
    """

    formats = "job_formatters"
    default_format = "timeline"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_id(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.cmd.output.patience import (
            FAILOVER_SECONDS,
            Timeout,
            outlast,
        )
        from amphv2_bootstrap.cmd.output.timeline import Timeline
        from amphv2_bootstrap.engine.description.report import describe

        runtime = self.runtime()
        report = outlast(
            lambda: describe(runtime.store, runtime.store.resolve(parsed_args.id)),
            Timeout(FAILOVER_SECONDS),
        )
        report["flows"] = Timeline(report["flows"])
        return tuple(report), tuple(report.values())


class WatchJob(Guarded, ShowOne):
    """Show the progress of a job and wait for its end, as 'post-job --wait' does.

    Exit code 0: done; 1: parked or failed; 3: --timeout is over. The job goes on when
    this command is interrupted.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_id(parser)
        parser.add_argument(
            "--timeout",
            type=seconds,
            metavar="SECONDS",
            help="stop waiting after this time; the job goes on",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.cmd.output.patience import Timeout, outlast

        runtime = self.runtime()
        timeout = Timeout(parsed_args.timeout)
        try:
            job = outlast(lambda: runtime.store.resolve(parsed_args.id), timeout)
        except DatabaseUnavailableError:
            self.exit_code = exit_codes.TIMED_OUT if timeout.is_over else 0
            raise
        self.exit_code, summary = wait_for(runtime, job, timeout)
        return tuple(summary), tuple(summary.values())


def resume(
    runtime: "Runtime",
    job: "Job",
    on_failure: str | None = None,
    host: str | None = None,
) -> list[str]:
    """Resume the job with this host's secrets, and print which are new.

    Returns the ids of the flows that were parked. Safe to run twice.

    :param on_failure: what the operator says that the job was posted with.
    :param host: only the flows of this host.
    """
    secrets = None
    if job.finished_at is None:
        flow_runs = runtime.store.flow_runs_of(job.uuid)
        own = runtime.loaded.spec
        secrets = runtime.sealer.renewal(job, flow_runs, own, on_failure)
    moved = runtime.journal.resume(job.uuid, secrets, host)
    if secrets is not None:
        names = ", ".join(secrets.names) or "secrets"
        print(
            f"Job {job.uuid} uses this host's {names} from now on. "
            "Conductors with other values refuse it: configure them alike.",
            file=sys.stderr,
        )
    return moved


class ResumeJob(Guarded, Command):
    """Resume a parked job at the step that failed, after its cause is fixed.

    The job uses the passwords of this host's configuration from now on: resume it
    where they are right. Conductors with other passwords refuse the job. Where its
    passwords were others, or it has no seal, it must be what this host's configuration
    would post.

    Examples:
      amphv2-bootstrap job resume
      amphv2-bootstrap job resume 0b6b --host controller2
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_id(parser)
        parser.add_argument(
            "--on-failure",
            choices=("revert",),
            help="confirm that the job was posted with '--on-failure revert', where "
            "nothing else proves it",
        )
        add_host(parser)
        return as_written(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        runtime = self.runtime()
        job = runtime.store.resolve(parsed_args.id)
        _check_host(runtime, job, parsed_args.host)
        board = runtime.board()  # before the change: its library may be missing
        moved = resume(runtime, job, parsed_args.on_failure, parsed_args.host)
        if moved:
            runtime.poster().announce(job, board)
            print(f"Job {job.uuid}: {len(moved)} parked flow(s) resumed.")
        else:
            print(f"Job {job.uuid}: no flow is parked; nothing to do.")


class CancelJob(Guarded, Command):
    """Cancel a job: no further step begins, and nothing is undone.

    A conductor that runs one of its steps is fenced: it stops there. With --host, only
    this host's flows are cancelled, and the other hosts go on.

    Examples:
      amphv2-bootstrap job cancel 0b6b
      amphv2-bootstrap job cancel 0b6b --host controller2
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "id", help="id of the job or of one of its flows, or the beginning of one"
        )
        add_host(parser)
        return as_written(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        runtime = self.runtime()
        job = runtime.store.resolve(parsed_args.id)
        _check_host(runtime, job, parsed_args.host)
        moved = runtime.journal.cancel(job.uuid, parsed_args.host)
        print(f"Job {job.uuid}: {len(moved)} flow(s) cancelled.")
