# SPDX-License-Identifier: Apache-2.0
"""``job show`` and ``job watch``."""

import argparse
from typing import Any

from cliff.show import ShowOne

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import add_id, as_written
from amphv2_bootstrap.cmd.output.formats import OwnFormats
from amphv2_bootstrap.cmd.post import seconds, wait_for
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError


class ShowJob(Guarded, OwnFormats, ShowOne):
    """Show a job: its flows, and each step's state, host, duration and reason.

    Without '-f' it is a timeline to read. With '-f json' or '-f yaml' the form is
    stable and documented; see the reference.

    Examples:
      amphv2-bootstrap job show
      amphv2-bootstrap job show 0b6b -f json
    """

    formats = "job_formatters"
    default_format = "timeline"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_id(parser)
        return as_written(parser)

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

    Examples:
      amphv2-bootstrap job watch 0b6b --timeout 1
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
        return as_written(parser)

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
