# SPDX-License-Identifier: Apache-2.0
"""Carrying claimed jobs out, each in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable

from amphv2_bootstrap.engine.board import Entry
from amphv2_bootstrap.engine.conductor.active_flows import Running
from amphv2_bootstrap.engine.conductor.backoff import Aside
from amphv2_bootstrap.engine.conductor.parts import Parts
from amphv2_bootstrap.engine.execution.outcome import End, Outcome
from amphv2_bootstrap.engine.execution.retry_until_cancelled import outlast
from amphv2_bootstrap.engine.lease import Lease
from amphv2_bootstrap.engine.records import Job, JobState
from amphv2_bootstrap.errors import BootstrapError

LOG = logging.getLogger(__name__)

_SETTLED = {
    Outcome.DONE: JobState.DONE,
    Outcome.REVERTED: JobState.REVERTED,
    Outcome.FAILED: JobState.PARKED,
    Outcome.REVERT_FAILED: JobState.PARKED,
    Outcome.SUSPENDED: JobState.READY,
}
_LOOK_SECONDS = 0.05
# For steps that were told to stop, before the process ends without them.
_LAST_SECONDS = 5.0


class Workers:
    """The threads of one conductor, and what each of them holds.

    :param aside: gets the jobs that came to nothing.
    :param stopping: set when no further step is to begin.
    :param on_settled: called after each job whose end was written.
    """

    def __init__(
        self,
        parts: Parts,
        owner: str,
        aside: Aside,
        stopping: threading.Event,
        on_settled: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._owner = owner
        self._aside = aside
        self._stopping = stopping
        self._on_settled = on_settled
        self._interrupted = threading.Event()
        self.running = Running()

    def begin(self, entry: Entry, lease: Lease) -> None:
        """Carry a job out that was just claimed; returns at once."""
        self.running.add(entry, lease)
        # A daemon: a step that doesn't hear must not keep the process from ending.
        threading.Thread(
            target=self._work,
            args=(entry, lease),
            name=f"job_{entry.uuid[:8]}",
            daemon=True,
        ).start()

    def interrupt(self) -> None:
        """Tell the steps to stop where they are; they are run again later."""
        self._interrupted.set()
        self.running.interrupt()

    def wait(self, grace: float) -> None:
        """Let the steps end within ``grace`` seconds, and interrupt the others."""
        self._wait_until_idle(grace, or_else=self._interrupted)
        if len(self.running) and not self._interrupted.is_set():
            LOG.warning("The grace period is over: interrupting the running steps")
            self.interrupt()
        self._wait_until_idle(_LAST_SECONDS)

    def abandon(self) -> None:
        """Give back what steps that don't hear still hold; the process ends now."""
        for held in self.running.all():
            LOG.error(
                "Job %s: its step doesn't stop; the process ends without it, and "
                "another conductor begins the step anew",
                held.entry.uuid,
            )
            held.lease.lose("the conductor ends")
            self._give_up(held.entry, remove=False)

    def _wait_until_idle(
        self, seconds: float, or_else: threading.Event | None = None
    ) -> None:
        deadline = time.monotonic() + seconds
        while len(self.running) and time.monotonic() < deadline:
            if or_else is not None and or_else.is_set():
                return
            time.sleep(_LOOK_SECONDS)

    def _work(self, entry: Entry, lease: Lease) -> None:
        """A worker's whole life: nothing it meets may end the conductor."""
        at_rest = False
        try:
            with lease:
                at_rest = self._carry_out(entry, lease)
        except BootstrapError as exc:
            pause = self._aside.back_off(entry.uuid)
            LOG.warning("Job %s: %s; trying again in %.0f s", entry.uuid, exc, pause)
        except Exception as exc:
            LOG.exception("Job %s: unexpected error; leaving it to others", entry.uuid)
            self._aside.refuse(entry.uuid, type(exc).__name__)
        finally:
            try:
                self._give_up(entry, remove=at_rest)
            finally:
                self.running.discard(entry.uuid)
                self._parts.board.interrupt()

    def _carry_out(self, entry: Entry, lease: Lease) -> bool:
        """Run the job and settle it; True when its entry is to be removed."""
        job = self._parts.journal.take(entry.uuid, lease.check)
        if job is None:
            return True
        self.running.took(job.uuid, job.epoch)
        bootstrap = self._parts.store.bootstrap(job.bootstrap_uuid)
        place = f" on {job.host}" if job.host else ""
        LOG.info(
            "Job %s: running flow %s%s (epoch %s)", job.uuid, job.flow, place, job.epoch
        )
        end = self._parts.runner.run(job, bootstrap, lease, self._stopping)
        return self._settle(job, end, lease)

    def _settle(self, job: Job, end: End, lease: Lease) -> bool:
        """Write what the end of the run means for the job; True when it is at rest."""
        log = LOG.info if end.reason is None else LOG.warning
        why = f": {end.reason}" if end.reason else ""
        log("Job %s: %s%s", job.uuid, end.outcome, why)
        state = _SETTLED.get(end.outcome)
        if state is None:
            if end.outcome is not Outcome.FENCED:
                self._aside.back_off(job.uuid)
            return False
        reason = None if state is JobState.READY else end.reason
        outlast(lambda: self._parts.journal.settle(job, state, reason), lease.cancelled)
        self._aside.forget(job.uuid)
        self._on_settled()
        return state is not JobState.READY

    def _give_up(self, entry: Entry, *, remove: bool) -> None:
        """Take the entry off, or give its claim back; expiry does it otherwise."""
        board = self._parts.board
        try:
            (board.remove if remove else board.release)(entry, self._owner)
        except BootstrapError as exc:
            LOG.warning("Job %s: its claim is left to expire: %s", entry.uuid, exc)
