# SPDX-License-Identifier: Apache-2.0
"""Carries out claimed flows, each in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from amphv2_bootstrap.engine.board import Board, Entry
from amphv2_bootstrap.engine.conductor.active_flows import ActiveFlows
from amphv2_bootstrap.engine.conductor.backoff import Backoff
from amphv2_bootstrap.engine.conductor.reporter import Reporter
from amphv2_bootstrap.engine.execution.outcome import End, Outcome
from amphv2_bootstrap.engine.execution.retry_until_cancelled import (
    retry_until_cancelled,
)
from amphv2_bootstrap.engine.execution.runner import Runner
from amphv2_bootstrap.engine.lease import Lease
from amphv2_bootstrap.engine.log_context import about
from amphv2_bootstrap.engine.measures import MEASURES, Event
from amphv2_bootstrap.engine.records import FlowRun, FlowState
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError

LOG = logging.getLogger(__name__)

_SETTLED = {
    Outcome.DONE: FlowState.DONE,
    Outcome.REVERTED: FlowState.REVERTED,
    Outcome.FAILED: FlowState.PARKED,
    Outcome.REVERT_FAILED: FlowState.PARKED,
    Outcome.SUSPENDED: FlowState.READY,
}
_LOOK_SECONDS = 0.05
# How long interrupted steps may take, before the process ends without them.
_LAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conductor works with.

    ``reporter``, if any, reports on this host. ``alive`` is called in each pass of the
    conductor's loop.
    """

    board: Board
    store: Store
    journal: Journal
    runner: Runner
    reporter: Reporter | None = None
    alive: Callable[[], None] = lambda: None


class Workers:
    """The threads of one conductor, and what each of them holds.

    :param backoff: gets the flows that could not go on.
    :param stopping: set when no further step may begin.
    :param on_settled: called each time the end of a run was written.
    """

    def __init__(
        self,
        parts: Parts,
        owner: str,
        backoff: Backoff,
        stopping: threading.Event,
        on_settled: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._owner = owner
        self._backoff = backoff
        self._stopping = stopping
        self._on_settled = on_settled
        self._interrupted = threading.Event()
        self.running = ActiveFlows()

    def begin(self, entry: Entry, lease: Lease) -> None:
        """Carry out a flow that was just claimed; returns at once."""
        self.running.add(entry, lease)
        # A daemon: a step that doesn't stop must not keep the process from ending.
        threading.Thread(
            target=self._work,
            args=(entry, lease),
            name=f"flow_{entry.uuid[:8]}",
            daemon=True,
        ).start()

    def interrupt(self) -> None:
        """Have the steps stop where they are; they are run again later."""
        self._interrupted.set()
        self.running.interrupt()

    def wait(self, grace: float) -> None:
        """Let the steps end within ``grace`` seconds, and interrupt the others."""
        self._wait_until_idle(grace, unless=self._interrupted)
        if len(self.running) and not self._interrupted.is_set():
            LOG.warning("The grace period is over: interrupting the running steps")
            self.interrupt()
        self._wait_until_idle(_LAST_SECONDS)

    def abandon(self) -> None:
        """Release the claims of steps that don't stop; the process ends now."""
        for held in self.running.all():
            LOG.error(
                "%s: its step doesn't stop; the process ends without it, and "
                "another conductor begins the step anew",
                held.entry,
            )
            held.lease.lose("the conductor ends")
            self._give_up(held.entry, remove=False)

    def _wait_until_idle(
        self, seconds: float, unless: threading.Event | None = None
    ) -> None:
        deadline = time.monotonic() + seconds
        while len(self.running) and time.monotonic() < deadline:
            if unless is not None and unless.is_set():
                return
            time.sleep(_LOOK_SECONDS)

    def _work(self, entry: Entry, lease: Lease) -> None:
        """What a worker's thread does; no error may end the conductor."""
        at_rest = False
        try:
            with lease:
                at_rest = self._carry_out(entry, lease)
        except BootstrapError as exc:
            pause = self._backoff.back_off(entry.uuid)
            LOG.warning("%s: %s; trying again in %.0f s", entry, exc, pause)
        except Exception as exc:
            LOG.exception("%s: unexpected error; leaving it to others", entry)
            self._backoff.refuse(entry.uuid, type(exc).__name__)
        finally:
            try:
                self._give_up(entry, remove=at_rest)
            finally:
                self.running.discard(entry.uuid)
                self._parts.board.interrupt()

    def _carry_out(self, entry: Entry, lease: Lease) -> bool:
        """Run the flow and settle it; True when its entry must be removed."""
        run = self._parts.journal.take(entry.uuid, lease.check)
        if run is None:
            return True
        self.running.took(run.uuid, run.epoch)
        job = self._parts.store.job(run.job_uuid)
        with about(run):
            LOG.info("%s: running (epoch %s)", run, run.epoch)
            end = self._parts.runner.run(run, job, lease, self._stopping)
            if job.kind is None:
                MEASURES.count(Event.FLOW_RUN_ENDED, end.outcome.value)
            return self._settle(run, end, lease)

    def _settle(self, run: FlowRun, end: End, lease: Lease) -> bool:
        """Write what the end of the run means for the flow; True when it is at rest."""
        log = LOG.info if end.reason is None else LOG.warning
        why = f": {end.reason}" if end.reason else ""
        log("%s: %s%s", run, end.outcome, why)
        state = _SETTLED.get(end.outcome)
        if state is None:
            if end.outcome is not Outcome.FENCED:
                self._backoff.back_off(run.uuid)
            return False
        reason = None if state is FlowState.READY else end.reason
        retry_until_cancelled(
            lambda: self._parts.journal.settle(
                run, state, reason, fence=end.left_behind
            ),
            lease.cancelled,
        )
        self._backoff.forget(run.uuid)
        self._on_settled()
        return state is not FlowState.READY

    def _give_up(self, entry: Entry, *, remove: bool) -> None:
        """Remove the entry, or release its claim; if that fails, the claim expires."""
        board = self._parts.board
        try:
            (board.remove if remove else board.release)(entry, self._owner)
        except BootstrapError as exc:
            LOG.warning("%s: its claim is left to expire: %s", entry, exc)
