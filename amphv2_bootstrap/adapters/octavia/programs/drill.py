# SPDX-License-Identifier: Apache-2.0
"""Kills a conductor of Octavia in a flow, and waits until a second one continues it.

The request is that of :mod:`.canary`. Two processes run Octavia's own conductor on a
scratch namespace, with Octavia's own expiration time. The drill kills the one that runs
the flow's second step; the other one must run that step again.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import fcntl
import importlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import loading
from .options import GROUP, received
from .own_rights import explained_refusals
from .reporting import BrokenLinkError, Report, fork, kill, run
from .scratch import Scratch
from .scratch_job import ScratchJob, remove_orphans, scratch_job

PREFIX = "amphv2-drill-"
"""Of the folder that the processes of one drill share."""

_POLL = 0.05
_PROGRESS_SECONDS = 10.0
_START_SECONDS = 60.0
_PATIENCE = 60.0
"""Seconds in addition to the expiration: a conductor polls every 30 s."""

_SESSION_SECONDS = 10.0
"""kazoo's default, which Octavia uses; a server may grant a different time."""


def three_steps(folder: str) -> Any:
    """The flow. Each step notes its process; the second waits for the file ``go``."""
    task: Any = importlib.import_module("taskflow.task")
    patterns: Any = importlib.import_module("taskflow.patterns.linear_flow")
    notes, go = Path(folder) / "notes", Path(folder) / "go"

    def note(step: str) -> None:
        line = json.dumps({"step": step, "pid": os.getpid(), "at": time.monotonic()})
        with notes.open("a") as stream:
            stream.write(line + "\n")

    def hold() -> None:
        note("hold")
        while not go.exists():
            time.sleep(_POLL)

    return patterns.Flow("amphv2-drill").add(
        task.FunctorTask(lambda: note("begin"), name="begin"),
        task.FunctorTask(hold, name="hold"),
        task.FunctorTask(lambda: note("end"), name="end"),
    )


class Conductors:
    """Two conductors in forked processes; fork before opening any connection."""

    def __init__(self, conf: Any) -> None:
        self._pids = {
            fork(lambda name=name: _conduct(conf, name)): name  # type: ignore[misc]
            for name in ("amphv2-drill-1", "amphv2-drill-2")
        }

    def kill(self, pid: int) -> None:
        """SIGKILL one of them."""
        del self._pids[pid]
        kill(pid)

    def kill_all(self) -> None:
        for pid in list(self._pids):
            self.kill(pid)

    def check(self) -> None:
        """Raise if one ended by itself."""
        for pid, name in self._pids.items():
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self._pids[pid]
                raise BrokenLinkError(f"the conductor {name} ended by itself")


def _conduct(conf: Any, name: str) -> None:
    """Run a conductor as octavia-worker does."""
    base: Any = importlib.import_module("octavia.common.base_taskflow")
    driver = loading.jobboard_driver(conf, loading.persistence_driver())
    base.TaskFlowServiceController(driver).run_conductor(name)


class Drill:
    """The posted job and its conductors."""

    def __init__(
        self, report: Report, folder: Path, conductors: Conductors, job: ScratchJob
    ) -> None:
        self._report = report
        self._notes = folder / "notes"
        self._go = folder / "go"
        self._conductors = conductors
        self._job = job

    def notes(self, step: str) -> list[dict[str, Any]]:
        """The process and time of each run of the step."""
        text = self._notes.read_text() if self._notes.exists() else ""
        lines = [json.loads(line) for line in text.splitlines(keepends=True)]
        return [line for line in lines if line["step"] == step]

    def wait(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Wait until the condition holds, and report progress every 10 seconds."""
        began = reported = time.monotonic()
        while not condition():
            self._conductors.check()
            now = time.monotonic()
            if now - began > seconds:
                raise BrokenLinkError(f"waited {seconds:g} s in vain until {what}")
            if now - reported >= _PROGRESS_SECONDS:
                reported = now
                self._report.say(progress=f"{now - began:.0f} s: waiting until {what}")
            time.sleep(_POLL)

    def kill_holder(self) -> float:
        """Kill the conductor that runs the second step; return the monotonic time."""
        what = "a conductor runs the step"
        self.wait(lambda: self.notes("hold"), _START_SECONDS, what)
        self._conductors.kill(self.notes("hold")[0]["pid"])
        killed = time.monotonic()
        self._go.touch()
        self._report.say(progress="killed the conductor that runs the step")
        return killed

    def take_over(self, killed: float, expiration: float) -> float:
        """Wait for the other conductor; return the seconds that it took."""
        what = f"the other conductor continues (claims last {expiration:g} s)"
        self.wait(lambda: len(self.notes("hold")) > 1, expiration + _PATIENCE, what)
        return float(self.notes("hold")[1]["at"]) - killed

    def finish(self) -> None:
        """Wait for the end, and check that no completed step ran again."""
        what = "the flow is done and its job consumed"
        self.wait(self._is_consumed, _START_SECONDS, what)
        if len(self.notes("begin")) != 1 or len(self.notes("end")) != 1:
            raise BrokenLinkError("a step that was completed ran again")

    def _is_consumed(self) -> bool:
        jobs = self._job.board.iterjobs(ensure_fresh=True)
        return bool(self.notes("end")) and self._job.job.uuid not in [
            job.uuid for job in jobs
        ]


def _expiration(conf: Any, driver: str) -> float:
    if driver == "zookeeper":
        return _SESSION_SECONDS
    return float(conf[GROUP].jobboard_expiration_time)


@contextlib.contextmanager
def drill_folder() -> Iterator[Path]:
    """A private folder that exists within the block; removes dead drills' folders.

    It stays locked while any process that was forked within the block is alive.
    """
    remove_dead()
    descriptor, path = _locked()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def remove_dead() -> None:
    """Remove this user's folders of drills that have no process left."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = _open(path)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path)
            finally:
                os.close(descriptor)


def _locked() -> tuple[int, Path]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))  # 0700
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open(path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor, path
            os.close(descriptor)  # removed as a dead drill's before it was locked


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def program(report: Report, request: dict[str, Any]) -> None:
    """Kill a conductor in the middle of a flow; see the module's docstring."""
    with contextlib.ExitStack() as stack:
        with report.at("configuration"):
            conf = loading.configuration(received(request), report)
            scratch = Scratch(conf, request["now"], request["timeout"])
        folder = stack.enter_context(drill_folder())
        with report.at("persistence"):
            loading.refuse_file(conf)
            persistence_driver = loading.persistence_driver()
            conductors = Conductors(conf)
            stack.callback(conductors.kill_all)
            persistence = stack.enter_context(persistence_driver.get_persistence())
        with report.at("jobboard-connect"), explained_refusals(conf, scratch):
            driver = loading.jobboard_driver(conf, persistence_driver)
            if hasattr(driver, "shutdown"):
                stack.callback(driver.shutdown)
            board = stack.enter_context(driver.job_board(persistence))
        job = stack.enter_context(scratch_job(report, persistence, board, scratch))
        stack.callback(conductors.kill_all)  # before the job is removed
        drill = Drill(report, folder, conductors, job)
        with report.at("post"), explained_refusals(conf, scratch, board):
            job.post(three_steps, folder=str(folder))
        with report.at("claim"):
            killed = drill.kill_holder()
            job.expire()
        expiration = _expiration(conf, scratch.driver)
        with report.at("takeover"):
            seconds = drill.take_over(killed, expiration)
        with report.at("consume"):
            drill.finish()
        remove_orphans(report, job, scratch)
    facts = {"takeover_seconds": round(seconds, 1), "expiration_seconds": expiration}
    report.say(facts=facts)


def main() -> None:
    run(program)
