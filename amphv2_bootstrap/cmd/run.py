# SPDX-License-Identifier: Apache-2.0
"""``run``: a bootstrap in place, without daemons."""

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from cliff.show import ShowOne

from amphv2_bootstrap.cmd import exits
from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job import resume
from amphv2_bootstrap.cmd.post import add_post_arguments, post

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.engine.records import Bootstrap, Job


class Run(Guarded, ShowOne):
    """Carry the bootstrap out here and now, without conductors.

    It does what is done once per cloud, and this host's own part; on further
    controllers run it there. Interrupted, even by SIGKILL, it goes on at the
    interrupted step when it is run again. A parked job is resumed, with the
    passwords of this host's configuration.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_post_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.cmd.shows import head

        runtime = self.runtime()
        bootstrap = post(runtime, parsed_args, renewing=True).bootstrap
        resume(runtime, bootstrap)
        _carry_out(runtime, bootstrap)
        summary = head(runtime.store, bootstrap)
        jobs = runtime.store.jobs_of(bootstrap.uuid)
        self.exit_code = _exit_code(jobs, runtime.loaded.host.name)
        return tuple(summary), tuple(summary.values())


def _carry_out(runtime: "Runtime", bootstrap: "Bootstrap") -> None:
    jobs = runtime.store.jobs_of(bootstrap.uuid)
    conductor = runtime.conductor(only=frozenset(job.uuid for job in jobs))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: conductor.stop())
    worker = threading.Thread(target=conductor.run, name="conductor")
    worker.start()
    try:
        _follow_here(runtime, bootstrap, worker)
    finally:
        conductor.stop()
        worker.join()


def _follow_here(
    runtime: "Runtime", bootstrap: "Bootstrap", worker: threading.Thread
) -> None:
    """Show progress until all that this host can do is done."""
    from amphv2_bootstrap.cmd.progress import view_of
    from amphv2_bootstrap.engine.report import describe

    with view_of(sys.stderr) as view:
        while worker.is_alive():
            view.show(describe(runtime.store, bootstrap))
            jobs = runtime.store.jobs_of(bootstrap.uuid)
            if not any(_is_ours(job, runtime.loaded.host.name) for job in jobs):
                break
            worker.join(0.1)
        view.show(describe(runtime.store, bootstrap))


def _is_ours(job: "Job", host: str) -> bool:
    """Whether this host has still to do something for the job."""
    from amphv2_bootstrap.engine.records import LIVE

    return job.state in LIVE and job.host in (None, host)


def _exit_code(jobs: "list[Job]", host: str) -> int:
    """0 when all is done that can be done from here; 1 otherwise."""
    ours = [job for job in jobs if job.host in (None, host)]
    others = [job for job in jobs if job not in ours and not job.state.is_terminal]
    done = all(job.state == "done" for job in ours)
    if done and others:
        names = ", ".join(str(job.host) for job in others)
        print(
            f"This host's part is done. Still to do on {names}: "
            "run 'amphv2-bootstrap run' or amphv2-conductor there.",
            file=sys.stderr,
        )
    return exits.DONE if done else exits.FAILED
