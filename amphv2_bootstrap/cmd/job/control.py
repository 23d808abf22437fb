# SPDX-License-Identifier: Apache-2.0
"""``job skip``, ``pause``, ``unpause``, ``retry`` and ``cancel``."""

import abc
import argparse
from typing import TYPE_CHECKING

from cliff.command import Command

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import add_host, add_id, as_written, check_host
from amphv2_bootstrap.cmd.post import operator

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.engine.records import Job


class _ChangeJob(Guarded, Command, metaclass=abc.ABCMeta):
    """Changes one job, prints what it did, and puts what may begin on the board."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        self.add_arguments(parser)
        return as_written(parser)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """By default the id alone, which may be left out."""
        add_id(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        runtime = self.runtime()
        job = runtime.store.resolve(parsed_args.id)
        board = runtime.board()  # before the change: its library may be missing
        print(f"Job {job.uuid}: {self.change(runtime, job, parsed_args)}")
        runtime.poster().announce(job, board)

    @abc.abstractmethod
    def change(
        self, runtime: "Runtime", job: "Job", parsed_args: argparse.Namespace
    ) -> str:
        """Do it; returns what was done, in words."""


def _add_required_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", help="id of the job or of one of its flows, or the beginning of one"
    )


class SkipHost(_ChangeJob):
    """Leave a host out of a job: its Octavia stays as it is, and the others go on.

    For a host that is away for long, or with a failure that must wait. A flow that a
    conductor carries out is refused. When all others are done, the job is done; a job
    that is posted later takes the host up.

    Examples:
      amphv2-bootstrap job skip 0b6b --host controller2
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        _add_required_id(parser)
        add_host(parser, required=True)

    def change(
        self, runtime: "Runtime", job: "Job", parsed_args: argparse.Namespace
    ) -> str:
        from amphv2_bootstrap.engine.storage.control.skipping import skip

        skipped = skip(runtime.journal, job.uuid, parsed_args.host)
        if not skipped:
            return f"{parsed_args.host} was skipped before; nothing to do."
        return (
            f"{parsed_args.host} is skipped ({len(skipped)} flow(s)). Its Octavia "
            "stays as it is: post a job when the host can take part."
        )


class PauseJob(_ChangeJob):
    """Let nothing further of a job begin; what runs goes on to its end.

    Examples:
      amphv2-bootstrap job pause
      amphv2-bootstrap job pause 0b6b
    """

    def change(
        self, runtime: "Runtime", job: "Job", parsed_args: argparse.Namespace
    ) -> str:
        from amphv2_bootstrap.engine.records import FlowState
        from amphv2_bootstrap.engine.storage.control.pausing import pause

        is_new = pause(runtime.journal, job.uuid, operator(runtime))
        flow_runs = runtime.store.flow_runs_of(job.uuid)
        running = [run.name for run in flow_runs if run.state is FlowState.RUNNING]
        ends = f" Until its end goes on: {', '.join(running)}." if running else ""
        said = "paused." if is_new else "was paused before; nothing to do."
        return f"{said}{ends}"


class UnpauseJob(_ChangeJob):
    """Let a paused job go on.

    Examples:
      amphv2-bootstrap job unpause
    """

    def change(
        self, runtime: "Runtime", job: "Job", parsed_args: argparse.Namespace
    ) -> str:
        from amphv2_bootstrap.engine.storage.control.pausing import unpause

        changed = unpause(runtime.journal, job.uuid, operator(runtime))
        return "goes on." if changed else "isn't paused; nothing to do."


class RetryFlow(_ChangeJob):
    """Run the steps of a flow again, from one that you name.

    Each step is safe to run again: it looks first, and changes what is wrong. A flow
    that a conductor carries out is refused, and so is one that is undone or cancelled.

    Examples:

      amphv2-bootstrap job retry 0b6b --flow cloud --from ensure-database

      amphv2-bootstrap job retry 0b6b --flow controller --host controller2 \\
          --from restart-octavia-services
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        _add_required_id(parser)
        parser.add_argument(
            "--flow", required=True, help="name of the flow, as 'job show' has it"
        )
        parser.add_argument("--host", help="the host, where several have it")
        parser.add_argument(
            "--from",
            required=True,
            dest="step",
            metavar="STEP",
            help="the first step that is run again",
        )

    def change(
        self, runtime: "Runtime", job: "Job", parsed_args: argparse.Namespace
    ) -> str:
        from amphv2_bootstrap.engine.storage.control.retrying import retry

        name, host, step = parsed_args.flow, parsed_args.host, parsed_args.step
        run = retry(runtime.journal, job.uuid, name, host, step)
        return f"{run.name} runs its steps from {step} on again."


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
        _add_required_id(parser)
        add_host(parser)
        return as_written(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        runtime = self.runtime()
        job = runtime.store.resolve(parsed_args.id)
        check_host(runtime, job, parsed_args.host)
        moved = runtime.journal.cancel(job.uuid, parsed_args.host)
        print(f"Job {job.uuid}: {len(moved)} flow(s) cancelled.")
