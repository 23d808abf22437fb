# SPDX-License-Identifier: Apache-2.0
"""The arguments that commands on one job share."""

import argparse
from typing import TYPE_CHECKING

from amphv2_bootstrap.errors import NotFoundError

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.engine.records import Job


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


def check_host(runtime: "Runtime", job: "Job", host: str | None) -> None:
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
