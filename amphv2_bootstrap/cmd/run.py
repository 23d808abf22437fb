# SPDX-License-Identifier: Apache-2.0
"""``run``: carry a job out in place, without daemons."""

import argparse
import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

from cliff.show import ShowOne

from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.cmd.job.arguments import as_written
from amphv2_bootstrap.cmd.job.resume import resume
from amphv2_bootstrap.cmd.post import add_post_arguments, controllers_of, post

if TYPE_CHECKING:
    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.engine.records import FlowRun, Job
    from amphv2_bootstrap.engine.rollout import Obstacle


class Run(Guarded, ShowOne):
    """Carry the job out here and now, without conductors.

    It runs the flow of the cloud and this host's own flows; run it on every other
    controller, too. If it is interrupted, even by SIGKILL, run it again: it goes on
    at the interrupted step. It resumes a parked job with the passwords of this
    host's configuration. While as many controllers are under way as [octavia]
    controllers_at_once allows, it refuses, or waits with '--wait'.

    Examples:
      amphv2-bootstrap run --wait
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = as_written(super().get_parser(prog_name))
        add_post_arguments(parser)
        parser.add_argument(
            "--wait",
            action="store_true",
            help="wait for this host's turn while others are under way",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from amphv2_bootstrap.cmd.output.summaries import head_of

        runtime = self.runtime(controllers_of(parsed_args))
        job = post(runtime, parsed_args, renewing=True).job
        resume(runtime, job, parsed_args.on_failure)
        report = self._carry_out(runtime, job, may_wait=parsed_args.wait)
        summary = head_of(report)
        self.exit_code = _exit_code(report["flows"], runtime.loaded.host.name)
        return tuple(summary), tuple(summary.values())

    def _carry_out(
        self, runtime: "Runtime", job: "Job", *, may_wait: bool
    ) -> dict[str, Any]:
        """Run all flows that this host may run; returns the report.

        :param may_wait: while other hosts have their turn.
        :raises RefusedError: this host can't carry out the rest.
        """
        flow_runs = runtime.store.flow_runs_of(job.uuid)
        conductor = runtime.conductor(
            only=frozenset(flow_run.uuid for flow_run in flow_runs)
        )
        self.stop_on_signals(conductor.stop, lambda: conductor.may_finish_a_step)
        worker = threading.Thread(target=conductor.run, name="conductor")
        worker.start()
        try:
            return _follow_here(runtime, job, worker, may_wait=may_wait)
        finally:
            conductor.stop()
            worker.join()


def _follow_here(
    runtime: "Runtime", job: "Job", worker: threading.Thread, *, may_wait: bool
) -> dict[str, Any]:
    """Show progress until this host's flows are at rest, or a signal stops it."""
    from amphv2_bootstrap.cmd.output.progress import Watch
    from amphv2_bootstrap.cmd.output.views import view_of
    from amphv2_bootstrap.engine.description.report import describe

    with view_of(sys.stderr) as view:
        watch = Watch(runtime.store, job, view)
        is_at_work = True
        while is_at_work:
            is_at_work = worker.is_alive()
            if watch.look() and not (
                _is_more_to_do(runtime, watch.report or {})
                or _will_have_its_turn(runtime, job.uuid, may_wait=may_wait)
            ):
                break
            worker.join(0.1)
    report = watch.report or describe(runtime.store, job)
    view.finish(report)
    return report


def _is_more_to_do(runtime: "Runtime", report: dict[str, Any]) -> bool:
    """Whether a flow that this host may run is not at rest.

    :raises RefusedError: this host can't carry it out.
    :raises ConflictError: another machine uses this host's name, or it is drained.
    """
    from amphv2_bootstrap.engine.errors import DatabaseUnavailableError, FencedError
    from amphv2_bootstrap.engine.records import LIVE

    hosts = (None, runtime.loaded.host.name)
    flows = [f for f in report["flows"] if f["state"] in LIVE and f["host"] in hosts]
    # The next look reports an outage, and a job that has ended meanwhile.
    with contextlib.suppress(DatabaseUnavailableError, FencedError):
        job = runtime.store.job(report["id"])
        for flow_run in runtime.store.flow_runs(flow["id"] for flow in flows):
            if flow_run.state not in LIVE:
                continue  # it has ended since the report; an ended job has no seal
            runtime.runner.check(flow_run, job)
            if flow_run.owner != str(runtime.owner):
                _refuse_drained(runtime)
            if flow_run.host:
                runtime.duplicate_hosts.check()
    return bool(flows)


def _refuse_drained(runtime: "Runtime") -> None:
    """:raises ConflictError: this host is drained, and may take nothing."""
    from amphv2_bootstrap.errors import ConflictError

    drain = runtime.store.drains().get(runtime.loaded.host.name)
    if drain is not None:
        raise ConflictError(
            "carry the job out here",
            on=drain.host,
            why=f"{drain.by} has drained this host",
            todo=f"Run 'amphv2-bootstrap conductor undrain {drain.host}' first.",
        )


def _will_have_its_turn(runtime: "Runtime", job_uuid: str, *, may_wait: bool) -> bool:
    """Whether to go on although only waiting flows are left for this host.

    :raises ConflictError: the turn is another host's.
    """
    from amphv2_bootstrap.engine import rollout
    from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
    from amphv2_bootstrap.engine.liveness import alive
    from amphv2_bootstrap.engine.records import LIVE, FlowState

    host = runtime.loaded.host.name
    with contextlib.suppress(DatabaseUnavailableError):  # the next look reports it
        drains = runtime.store.drains()
        flow_runs = runtime.store.flow_runs_of(job_uuid)
        is_paused = runtime.store.job(job_uuid).paused_at is not None
        # This command is a conductor, though it may not have said so yet.
        hosts = {row.host for row in alive(runtime.store.conductors())} | {host}
        hosts -= drains.keys()
        own = [run for run in flow_runs if run.host == host]
        if any(run.state in LIVE for run in own):
            return True  # it has been released since the last look
        for run in own:
            if run.state is FlowState.WAITING:
                _refuse_drained(runtime)
                found = rollout.obstacle(run, flow_runs, hosts, paused=is_paused)
                return _goes_on(run, found, may_wait=may_wait)
        return False
    return True


def _goes_on(run: "FlowRun", found: "Obstacle", *, may_wait: bool) -> bool:
    from amphv2_bootstrap.engine.rollout import Cause
    from amphv2_bootstrap.errors import ConflictError

    if found.cause in (Cause.RELEASE, Cause.STAGE):
        return found.cause is Cause.RELEASE
    if may_wait and found.cause is not Cause.PARKED:
        return True
    names = ", ".join(f"{other.name} is {other.state}" for other in found.flows)
    what = "its cause is fixed" if found.cause is Cause.PARKED else "that has ended"
    raise ConflictError(
        "carry the flow out here",
        on=run.name,
        why=f"{found.cause.value}: {names}" if names else found.cause.value,
        todo=f"Run it again when {what}"
        + ("." if found.cause is Cause.PARKED else ", or with --wait."),
    )


def _exit_code(flows: list[dict[str, Any]], host: str) -> int:
    """0 when all flows that this host may run are done; 1 otherwise."""
    from amphv2_bootstrap.engine.records import PASSED, TERMINAL

    ours = [flow for flow in flows if flow["host"] in (None, host)]
    others = [f for f in flows if f not in ours and f["state"] not in TERMINAL]
    done = all(flow["state"] in PASSED for flow in ours)
    if any(flow["state"] == "parked" for flow in ours):
        print(
            "Fix the cause of what is parked, then run it here again.",
            file=sys.stderr,
        )
    if done and others:
        names = ", ".join(str(flow["host"]) for flow in others)
        print(
            f"This host's part is done. Still to do on {names}: "
            "run 'amphv2-bootstrap run' or amphv2-conductor there.",
            file=sys.stderr,
        )
    return exit_codes.DONE if done else exit_codes.FAILED
