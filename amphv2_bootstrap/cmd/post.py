# SPDX-License-Identifier: Apache-2.0
"""``post-job``: post a job."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from cliff.show import ShowOne

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written
from amphv2_bootstrap.errors import InvalidInputError

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.output.patience import Timeout
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.conf.build import Loaded
    from amphv2_bootstrap.engine.records import Job
    from amphv2_bootstrap.posting.poster import Posted
    from amphv2_bootstrap.spec.model import Spec


_PARK = "park"


def add_post_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is posted."""
    parser.add_argument(
        "--on-failure",
        choices=("park", "revert"),
        help="what happens when a step of a flow fails for good: 'park' leaves "
        "everything as it is until 'job resume'; 'revert' undoes what that flow has "
        "made (database, accounts, grants, octavia.conf), never what was there before. "
        "Packages stay, and so do flows that are done "
        f"(default: {_PARK})",
    )
    add_controllers_argument(parser)


def add_controllers_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--controllers``, which :func:`controllers_of` reads."""
    parser.add_argument(
        "--controllers",
        metavar="HOST[,HOST...]",
        help="only these of the configured controllers (default: all of them)",
    )


def _add_first_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--first",
        metavar="HOST[,HOST...]",
        help="the controllers that come first; the others follow in the order "
        "of [octavia] controllers",
    )


def controllers_of(arguments: argparse.Namespace) -> list[str] | None:
    """The names of ``--controllers``; None where it isn't given."""
    return None if arguments.controllers is None else _names(arguments.controllers)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    return names if any(names) else []


def _first_of(runtime: "Runtime", arguments: argparse.Namespace) -> list[str]:
    """The names of ``--first``.

    :raises InvalidInputError: one is no controller of the job.
    """
    names = _names(getattr(arguments, "first", None) or "")
    controllers = runtime.loaded.spec.controllers
    unknown = [name for name in names if name not in controllers]
    if unknown:
        raise InvalidInputError(
            [
                f"--first names {', '.join(unknown)}, which isn't among the job's "
                f"controllers. Choose from {', '.join(controllers)}."
            ]
        )
    return names


def seconds(text: str) -> float:
    """Parse a finite number above 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} isn't a number of seconds above 0")
    return value


def user_name() -> str:
    """The user of this process: the name, or ``uidN`` where the user has none."""
    import getpass
    import os

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # in a container; OSError since Python 3.13
        name = ""
    # It may come from a variable, and the engine ignores rows that aren't printable.
    return name if name and name.isprintable() else f"uid{os.getuid()}"


def operator(runtime: "Runtime") -> str:
    """The operator who asks for it, as user and host: the events have it so."""
    return f"{user_name()}@{runtime.loaded.host.name}"


def post(
    runtime: "Runtime", arguments: argparse.Namespace, *, renewing: bool = False
) -> "Posted":
    """Post what the configuration and the arguments say, and print the result.

    :param renewing: see :meth:`Poster.post`.
    """
    import dataclasses

    wanted = arguments.on_failure
    spec = dataclasses.replace(runtime.loaded.spec, on_failure=wanted or _PARK)
    say_database(runtime.loaded)
    _look_at_others(runtime, spec)
    who = operator(runtime)
    first = _first_of(runtime, arguments)
    posted = runtime.poster().post(spec, posted_by=who, first=first, renewing=renewing)
    verb = "posted" if posted.is_new else "is unfinished: continuing it"
    print(f"Job {posted.job.uuid} {verb}.", file=sys.stderr)
    if wanted not in (None, posted.job.on_failure):
        print(
            f"WARNING: the job was posted with --on-failure {posted.job.on_failure}, "
            f"and keeps it; {wanted} has no effect. To change it, end the job by 'job "
            "cancel' and post again.",
            file=sys.stderr,
        )
    _warn_of_limit(posted.job, spec.controllers_at_once)
    return posted


def _warn_of_limit(job: "Job", wanted: int | None) -> None:
    """Say that the job has another limit than the configuration."""
    kept = job.spec.get("controllers_at_once")
    if kept != wanted:
        print(
            f"WARNING: the job was posted with controllers_at_once = {kept or 0}, and "
            f"keeps it; {wanted or 0} has no effect. To change it, end the job by 'job "
            "cancel' and post again.",
            file=sys.stderr,
        )


def say_database(loaded: "Loaded") -> None:
    """Say on stderr which database Octavia's tasks get, where nobody has written it."""
    from amphv2_bootstrap.adapters.mysql.database_url import shown

    if loaded.persistence_from:
        url = shown(loaded.spec.persistence)
        print(f"Octavia's tasks: {url}, by {loaded.persistence_from}", file=sys.stderr)


def _look_at_others(runtime: "Runtime", spec: "Spec") -> None:
    """Say what the other controllers' flows would fail on, once the cloud is changed.

    This host's own flow finds that before: see 'check-prerequisites'.

    :raises InvalidInputError: one of them takes another database.
    """
    others = [name for name in spec.controllers if name != runtime.loaded.host.name]
    if not others:
        return
    from amphv2_bootstrap.adapters.mysql.database_url import shown
    from amphv2_bootstrap.checks.agreement import obstacles, other_databases
    from amphv2_bootstrap.cmd.conductor.controllers import controllers

    known = controllers(runtime.store, runtime.reports.all(), others)
    refused = list(other_databases(known, shown(spec.persistence)))
    if refused:
        raise InvalidInputError(refused)
    for found in obstacles(known):
        text = f"WARNING: {found.message}. {found.todo}"
        print(runtime.masker.text(text), file=sys.stderr)


def wait_for(
    runtime: "Runtime",
    job: "Job",
    timeout: "Timeout",
) -> tuple[int, dict[str, Any]]:
    """Follow the job to its end; returns the exit code and the last head."""
    from amphv2_bootstrap.cmd.output.progress import follow
    from amphv2_bootstrap.cmd.output.summaries import head_of, unseen_head

    done = follow(runtime.store, job, timeout)
    return done.code, head_of(done.report) if done.report else unseen_head(job)


class PostJob(Guarded, ShowOne):
    """Post a job: the bootstrap that the configuration describes.

    Conductors (amphv2-conductor) carry it out; it is never lost once this command
    has printed its id. Posting again while the job is unfinished gives the same job;
    posting after its end gives a new job, which changes only what is wrong by then.

    Examples:
      amphv2-bootstrap post-job
      amphv2-bootstrap post-job --controllers controller2 --on-failure revert
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        as_written(parser)
        add_post_arguments(parser)
        _add_first_argument(parser)
        parser.add_argument(
            "--wait",
            action="store_true",
            help="show the progress and wait for the end: exit code 0 done, 1 parked "
            "or failed, 3 when --timeout is over",
        )
        parser.add_argument(
            "--timeout",
            type=seconds,
            metavar="SECONDS",
            help="with --wait: stop waiting after this time; the job goes on",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.cmd.output.patience import Timeout

        if parsed_args.timeout is not None and not parsed_args.wait:
            raise InvalidInputError(
                ["--timeout has no effect without --wait. Add --wait, or leave it out."]
            )
        runtime = self.runtime(controllers_of(parsed_args))
        posted = _post_and_announce(runtime, parsed_args)
        if parsed_args.wait:
            timeout = Timeout(parsed_args.timeout)
            self.exit_code, summary = wait_for(runtime, posted.job, timeout)
        else:
            summary = self._summary(runtime, posted.job)
        summary["new"] = posted.is_new
        return tuple(summary), tuple(summary.values())

    def _summary(self, runtime: "Runtime", job: "Job") -> dict[str, Any]:
        from amphv2_bootstrap.cmd.output import patience
        from amphv2_bootstrap.cmd.output.summaries import head

        failover = patience.Timeout(patience.FAILOVER_SECONDS)
        summary = patience.outlast(lambda: head(runtime.store, job), failover)
        if summary["state"] == "parked":
            print(
                f"It is parked: see 'amphv2-bootstrap job show {summary['id']}'.",
                file=sys.stderr,
            )
            self.exit_code = exit_codes.FAILED
        else:
            command = f"amphv2-bootstrap job watch {summary['id']}"
            print(f"To follow it: {command}", file=sys.stderr)
        return summary


def _post_and_announce(runtime: "Runtime", arguments: argparse.Namespace) -> "Posted":
    """With --wait this outlasts a fail-over: posting is safe to repeat."""
    from amphv2_bootstrap.cmd.output import patience

    failover = patience.Timeout(patience.FAILOVER_SECONDS if arguments.wait else 0.0)
    # Before the post: its library may be missing, and loading it takes time in
    # which a posted job would wait.
    board = patience.outlast(runtime.board, failover)
    posted = patience.outlast(lambda: post(runtime, arguments), failover)
    runtime.poster().announce(posted.job, board)
    return posted
