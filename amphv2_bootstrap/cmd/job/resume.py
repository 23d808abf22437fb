# SPDX-License-Identifier: Apache-2.0
"""``job resume``."""

import argparse
import sys
from typing import TYPE_CHECKING

from cliff.command import Command

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import add_host, add_id, as_written, check_host

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.engine.records import Job


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
        check_host(runtime, job, parsed_args.host)
        board = runtime.board()  # before the change: its library may be missing
        moved = resume(runtime, job, parsed_args.on_failure, parsed_args.host)
        if moved:
            runtime.poster().announce(job, board)
            print(f"Job {job.uuid}: {len(moved)} parked flow(s) resumed.")
        else:
            print(f"Job {job.uuid}: no flow is parked; nothing to do.")
