# SPDX-License-Identifier: Apache-2.0
"""The loop that claims jobs from a board and has them carried out."""

import concurrent.futures
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from amphv2_bootstrap.engine.board import (
    Board,
    BoardUnavailableError,
    ClaimRefusedError,
    Entry,
)
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError, RefusedError
from amphv2_bootstrap.engine.journal import Journal
from amphv2_bootstrap.engine.lease import Lease
from amphv2_bootstrap.engine.outcome import End, Outcome
from amphv2_bootstrap.engine.owner import Owner
from amphv2_bootstrap.engine.reconcile import Reconciler
from amphv2_bootstrap.engine.records import Job, JobState
from amphv2_bootstrap.engine.reporter import Reporter
from amphv2_bootstrap.engine.runner import Runner
from amphv2_bootstrap.engine.settings import ConductorSettings
from amphv2_bootstrap.engine.store import Store
from amphv2_bootstrap.errors import BootstrapError

LOG = logging.getLogger(__name__)

_SETTLED = {
    Outcome.DONE: JobState.DONE,
    Outcome.REVERTED: JobState.REVERTED,
    Outcome.FAILED: JobState.PARKED,
    Outcome.REVERT_FAILED: JobState.PARKED,
    Outcome.SUSPENDED: JobState.READY,
}
_LONGEST_PAUSE = 15.0
# Where nothing is on the board for us, only a call that got lost is waited for.
_IDLE_POLLS = 5


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conductor works with; made by the composition root.

    ``reporter`` tells of this host while the conductor runs, where there is one.
    """

    board: Board
    store: Store
    journal: Journal
    runner: Runner
    reporter: Reporter | None = None


class Conductor:
    """Claims what it may, runs it, and outlives every outage (promise P4).

    :param only: ids of the only jobs to take; None takes all.
    """

    def __init__(
        self,
        parts: Parts,
        owner: Owner,
        settings: ConductorSettings,
        only: frozenset[str] | None = None,
    ) -> None:
        self._parts = parts
        self._owner = owner
        self._settings = settings
        self._only = only
        self._stopping = threading.Event()
        self._running: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._refused: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._reconciler = Reconciler(
            parts.board,
            parts.store,
            owner,
            settings.reconcile_interval,
            settings.history,
        )

    def stop(self) -> None:
        """Ask :meth:`run` to end at the next step's boundary; returns at once."""
        self._stopping.set()
        self._parts.board.interrupt()

    def stop_now(self) -> None:
        """Interrupt the steps that run; they are run again later."""
        self.stop()
        with self._lock:
            leases = list(self._running.values())
        for lease in leases:
            lease.cancelled.set()

    @property
    def is_idle(self) -> bool:
        with self._lock:
            return not self._running

    def run(self) -> None:
        """Work until :meth:`stop`; then wait for the steps that run.

        After the grace period they are interrupted. Claims are given back.
        """
        workers = concurrent.futures.ThreadPoolExecutor(
            self._settings.concurrency, thread_name_prefix="job"
        )
        reporter = self._parts.reporter
        if reporter is not None:
            reporter.start()
        with workers:
            self._loop(workers)
            self._wait_for_running()
        if reporter is not None:
            reporter.stop()
        self._reconciler.sign_off()
        self._parts.board.close()

    def _loop(self, workers: concurrent.futures.Executor) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            try:
                entries = self._pass(workers)
            except BootstrapError as exc:
                pause = self._longer(pause)
                LOG.warning("%s; trying again in %.0f s", exc, pause)
            except Exception:
                # Whatever it was, the jobs under way must not end with it.
                pause = _LONGEST_PAUSE
                LOG.exception("Unexpected error; trying again in %.0f s", pause)
            else:
                pause = 0.0
                self._wait_for_change(entries)
                continue
            self._stopping.wait(pause)

    def _longer(self, pause: float) -> float:
        return min(max(pause * 2, self._settings.poll_interval), _LONGEST_PAUSE)

    def _wait_for_change(self, entries: Sequence[Entry]) -> None:
        try:
            self._parts.board.wait_for_change(self._patience(entries))
        except BoardUnavailableError:
            self._stopping.wait(self._settings.poll_interval)

    def _patience(self, entries: Sequence[Entry]) -> float:
        """How long to wait for a call: short while time alone may give us a job.

        Another's claim may run out; a refused job is looked at again.
        """
        poll = self._settings.poll_interval
        if any(self._may_come_to_us(entry) for entry in entries):
            return poll
        return max(poll, min(poll * _IDLE_POLLS, self._reconciler.seconds_until_due()))

    def _may_come_to_us(self, entry: Entry) -> bool:
        host = entry.details.get("host")
        return host in (None, self._owner.host) and entry.uuid not in self._running

    def _pass(self, workers: concurrent.futures.Executor) -> Sequence[Entry]:
        """Claim what may be claimed; the entries that were looked at."""
        self._parts.board.connect()
        entries = self._parts.board.entries()
        if self._reconciler.is_due(entries):
            entries = self._reconciler.reconcile(entries)
        for entry in entries:
            if self._stopping.is_set() or self._is_full():
                break
            if self._is_for_us(entry):
                self._consider(entry, workers)
        return entries

    def _is_full(self) -> bool:
        with self._lock:
            return len(self._running) >= self._settings.concurrency

    def _is_for_us(self, entry: Entry) -> bool:
        host = entry.details.get("host")
        return (
            not entry.claimed
            and host in (None, self._owner.host)
            and (self._only is None or entry.uuid in self._only)
            and entry.uuid not in self._running
            and self._refused.get(entry.uuid, 0.0) <= time.monotonic()
        )

    def _consider(self, entry: Entry, workers: concurrent.futures.Executor) -> None:
        job = self._parts.store.job(entry.uuid)
        if job is None:
            self._refuse(entry, "the engine's database doesn't know this job")
        elif job.state not in (JobState.READY, JobState.RUNNING):
            self._clear(entry)
        elif self._may_run(entry, job):
            self._claim(entry, workers)

    def _may_run(self, entry: Entry, job: Job) -> bool:
        if job.host not in (None, self._owner.host):
            return False
        try:
            bootstrap = self._parts.store.bootstrap(job.bootstrap_uuid)
            self._parts.runner.check(job, bootstrap)
        except RefusedError as exc:
            self._refuse(entry, str(exc))
            self._parts.journal.note(job, "refused", str(exc))
            return False
        return True

    def _refuse(self, entry: Entry, why: str) -> None:
        LOG.error("Leaving job %s to others: %s", entry.uuid, why)
        self._refused[entry.uuid] = time.monotonic() + self._settings.refusal_pause

    def _clear(self, entry: Entry) -> None:
        """Take off the board what the database says isn't to be done (now)."""
        owner = str(self._owner)
        try:
            self._parts.board.claim_entry(entry, owner, self._settings.expiry)
        except ClaimRefusedError:
            return
        self._parts.board.remove(entry, owner)

    def _claim(self, entry: Entry, workers: concurrent.futures.Executor) -> None:
        claimed_at = time.monotonic()
        owner, expiry = str(self._owner), self._settings.expiry
        try:
            self._parts.board.claim_entry(entry, owner, expiry)
        except ClaimRefusedError:
            return
        lease = Lease(self._parts.board, entry, owner, expiry, claimed_at)
        with self._lock:
            self._running[entry.uuid] = lease
        workers.submit(self._work, entry, lease)

    def _work(self, entry: Entry, lease: Lease) -> None:
        """A worker's whole life: nothing it meets may end the conductor."""
        at_rest = False
        try:
            with lease:
                at_rest = self._carry_out(entry, lease)
        except BootstrapError as exc:
            pause = self._set_aside(entry.uuid)
            LOG.warning("Job %s: %s; trying again in %.0f s", entry.uuid, exc, pause)
        except Exception:
            LOG.exception("Job %s: unexpected error; leaving it to others", entry.uuid)
            self._refused[entry.uuid] = time.monotonic() + self._settings.refusal_pause
        else:
            self._pauses.pop(entry.uuid, None)
        finally:
            self._give_up(entry, remove=at_rest)
            with self._lock:
                self._running.pop(entry.uuid, None)
            self._parts.board.interrupt()

    def _set_aside(self, uuid: str) -> float:
        """Leave a job that came to nothing for some seconds, longer each time.

        A database may let it be found and claimed, and refuse every write.
        """
        pause = self._pauses[uuid] = self._longer(self._pauses.get(uuid, 0.0))
        self._refused[uuid] = time.monotonic() + pause
        return pause

    def _carry_out(self, entry: Entry, lease: Lease) -> bool:
        """Run the job and settle it; True when its entry is to be removed."""
        job = self._parts.journal.take(entry.uuid)
        if job is None:
            return True
        bootstrap = self._parts.store.bootstrap(job.bootstrap_uuid)
        place = f" on {job.host}" if job.host else ""
        LOG.info(
            "Job %s: running flow %s%s (epoch %s)", job.uuid, job.flow, place, job.epoch
        )
        end = self._parts.runner.run(job, bootstrap, lease, self._stopping)
        return self._settle(job, end, lease)

    def _settle(self, job: Job, end: End, lease: Lease) -> bool:
        log = LOG.info if end.reason is None else LOG.warning
        log(
            "Job %s: %s%s",
            job.uuid,
            end.outcome,
            f": {end.reason}" if end.reason else "",
        )
        state = _SETTLED.get(end.outcome)
        if state is None:
            return False
        reason = None if state is JobState.READY else end.reason
        while True:
            try:
                self._parts.journal.settle(job, state, reason)
            except DatabaseUnavailableError as exc:
                LOG.warning("%s; trying again", exc)
                if lease.cancelled.wait(1.0):
                    raise
            else:
                self._reconciler.make_due()
                if self._parts.reporter is not None:
                    self._parts.reporter.wake()
                return state is not JobState.READY

    def _give_up(self, entry: Entry, *, remove: bool) -> None:
        """Take the entry off, or give its claim back; expiry does it otherwise."""
        owner = str(self._owner)
        try:
            if remove:
                self._parts.board.remove(entry, owner)
            else:
                self._parts.board.release(entry, owner)
        except BoardUnavailableError as exc:
            LOG.warning("Job %s: its claim is left to expire: %s", entry.uuid, exc)

    def _wait_for_running(self) -> None:
        deadline = time.monotonic() + self._settings.grace_period
        while not self.is_idle:
            if time.monotonic() > deadline:
                LOG.warning("The grace period is over: interrupting the running steps")
                self.stop_now()
                deadline = float("inf")
            time.sleep(0.05)
