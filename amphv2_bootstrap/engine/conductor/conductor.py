# SPDX-License-Identifier: Apache-2.0
"""The loop that claims flows from a board and has them carried out."""

import logging
import threading
import time
from collections.abc import Sequence

import tenacity

from amphv2_bootstrap.engine.board import (
    BoardUnavailableError,
    ClaimRefusedError,
    Entry,
)
from amphv2_bootstrap.engine.conductor.backoff import LONGEST_PAUSE, Backoff
from amphv2_bootstrap.engine.conductor.duplicate_hosts import DuplicateHosts
from amphv2_bootstrap.engine.conductor.reconcile import Reconciler
from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from amphv2_bootstrap.engine.conductor.workers import Parts, Workers
from amphv2_bootstrap.engine.errors import FencedError, RefusedError
from amphv2_bootstrap.engine.lease import Lease
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import FlowRun, FlowState
from amphv2_bootstrap.errors import BootstrapError, NotFoundError

LOG = logging.getLogger(__name__)

# With nothing claimable, polling only backs up lost notifications.
_IDLE_POLLS = 5


class Conductor:
    """Claims flows, runs them, and outlives every outage (promise P4).

    :param only: ids of the only flows to take; None takes all.
    """

    def __init__(
        self,
        parts: Parts,
        owner: ProcessIdentity,
        settings: ConductorSettings,
        only: frozenset[str] | None = None,
    ) -> None:
        self._parts = parts
        self._owner = owner
        self._settings = settings
        self._only = only
        self._stopping = threading.Event()
        self._backoff = Backoff(settings.refusal_pause, settings.poll_interval)
        self._workers = Workers(
            parts, str(owner), self._backoff, self._stopping, self._on_settled
        )
        self._running = self._workers.running
        self._duplicate_hosts = DuplicateHosts(parts.store, owner)
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
        # First: what follows may have to wait for a server.
        self._workers.interrupt()
        self.stop()

    @property
    def is_idle(self) -> bool:
        return not len(self._running)

    @property
    def may_finish_a_step(self) -> bool:
        """Whether it carries out a flow and still has the claim."""
        return any(held.lease.lost_because is None for held in self._running.all())

    def run(self) -> None:
        """Work until :meth:`stop`; then wait for the steps that run.

        After the grace period the steps are interrupted. One that runs on for some
        seconds more is abandoned: its thread ends with the process. Claims are
        released.
        """
        reporter = self._parts.reporter
        if reporter is not None:
            reporter.start()
        self._loop()
        self._workers.wait(self._settings.grace_period)
        if reporter is not None:
            reporter.stop()
        self._reconciler.sign_off()
        self._workers.abandon()
        self._parts.board.close()

    def _loop(self) -> None:
        first = self._settings.poll_interval
        retrying = tenacity.Retrying(
            # No error may end the running flows.
            retry=tenacity.retry_if_exception_type(Exception),
            # Jitter: all conductors lose the same database at the same moment.
            wait=tenacity.wait_random_exponential(first, LONGEST_PAUSE, min=first / 2),
            before_sleep=_warn,
            sleep=tenacity.sleep_using_event(self._stopping),
        )
        while not self._stopping.is_set():
            entries = retrying(self._pass)
            if not self._stopping.is_set():
                self._wait_for_change(entries)

    def _wait_for_change(self, entries: Sequence[Entry]) -> None:
        try:
            self._parts.board.wait_for_change(self._patience(entries))
        except BoardUnavailableError:
            self._stopping.wait(self._settings.poll_interval)
        except Exception:
            LOG.exception("Unexpected error; looking at the jobboard again")
            self._stopping.wait(self._settings.poll_interval)

    def _patience(self, entries: Sequence[Entry]) -> float:
        """How long to wait for a notification; short while time may give us a flow.

        Another conductor's claim may expire, or the pause after a refusal may end.
        """
        poll = self._settings.poll_interval
        if any(self._may_come_to_us(entry) for entry in entries):
            return poll
        return max(poll, min(poll * _IDLE_POLLS, self._reconciler.seconds_until_due()))

    def _may_come_to_us(self, entry: Entry) -> bool:
        host = entry.details.get("host")
        return host in (None, self._owner.host) and entry.uuid not in self._running

    def _pass(self) -> Sequence[Entry]:
        """Claim what may be claimed; returns the entries that it looked at."""
        self._parts.alive()
        if self._stopping.is_set():
            return ()
        entries = self._look()
        if self._reconciler.is_due(entries):
            entries = self._reconciler.reconcile(entries)
            self._stop_superseded()
            self._duplicate_hosts.look()
        ours = [entry for entry in entries if self._is_for_us(entry)]
        is_drained = bool(ours) and self._owner.host in self._parts.store.drains()
        for entry in ours:
            if self._stopping.is_set() or self._is_full():
                break
            self._consider(entry, is_drained=is_drained)
        return entries

    def _look(self) -> Sequence[Entry]:
        """The board's entries; the database learns whether it can be reached."""
        try:
            self._parts.board.connect()
            entries = self._parts.board.entries()
        except BoardUnavailableError as exc:
            self._reconciler.say_alive(self._parts.runner.masker.text(str(exc)))
            raise
        self._reconciler.say_alive()
        return entries

    def _stop_superseded(self) -> None:
        """Stop the steps of flows that are ours no more, before their next write."""
        uuids = [held.entry.uuid for held in self._running.all()]
        if uuids:
            flow_runs = self._parts.store.flow_runs(uuids)
            self._running.lose_superseded({run.uuid: run.epoch for run in flow_runs})

    def _is_full(self) -> bool:
        return len(self._running) >= self._settings.concurrency

    def _is_for_us(self, entry: Entry) -> bool:
        host = entry.details.get("host")
        return (
            not entry.claimed
            and host in (None, self._owner.host)
            and not (host and self._duplicate_hosts.may_exist)
            and (self._only is None or entry.uuid in self._only)
            and entry.uuid not in self._running
            and entry.uuid not in self._backoff
        )

    def _consider(self, entry: Entry, *, is_drained: bool) -> None:
        run = self._parts.store.flow_run(entry.uuid)
        if is_drained and (run is None or run.owner != str(self._owner)):
            return  # only what it holds goes on to its end, also after an outage
        if run is None:
            self._refuse(entry, "the engine's database doesn't know this flow")
        elif run.state not in (FlowState.READY, FlowState.RUNNING):
            self._clear(entry)
        elif self._may_run(entry, run):
            self._claim(entry)

    def _may_run(self, entry: Entry, run: FlowRun) -> bool:
        if run.host not in (None, self._owner.host):
            return False
        try:
            job = self._parts.store.job(run.job_uuid)
            self._parts.runner.check(run, job)
        except FencedError:
            return False
        except (RefusedError, NotFoundError) as exc:
            why = self._parts.runner.masker.text(str(exc))
            if self._refuse(entry, why):
                self._parts.journal.note(run, "refused", why)
            return False
        return True

    def _refuse(self, entry: Entry, why: str) -> bool:
        """Leave the flow to others; True, and an error in the log, for a new reason."""
        is_news = self._backoff.refuse(entry.uuid, why)
        LOG.log(
            logging.ERROR if is_news else logging.DEBUG,
            "%s: left to others: %s",
            entry,
            why,
        )
        return is_news

    def _clear(self, entry: Entry) -> None:
        """Take a flow off the board that, by the database, must not run now."""
        owner = str(self._owner)
        try:
            self._parts.board.claim_entry(entry, owner, self._settings.expiry)
        except ClaimRefusedError:
            return
        self._parts.board.remove(entry, owner)

    def _claim(self, entry: Entry) -> None:
        claimed_at = time.monotonic()
        owner, expiry = str(self._owner), self._settings.expiry
        try:
            self._parts.board.claim_entry(entry, owner, expiry)
        except ClaimRefusedError:
            return
        lease = Lease(self._parts.board, entry, owner, expiry, claimed_at)
        self._workers.begin(entry, lease)

    def _on_settled(self) -> None:
        self._reconciler.make_due()
        if self._parts.reporter is not None:
            self._parts.reporter.wake()


def _warn(state: tenacity.RetryCallState) -> None:
    failed, action = state.outcome, state.next_action
    assert failed is not None  # noqa: S101 - tenacity has set it
    assert action is not None  # noqa: S101 - this, too
    exc = failed.exception()
    if isinstance(exc, BootstrapError):
        LOG.warning("%s; trying again in %.0f s", exc, action.sleep)
    else:
        text = "Unexpected error; trying again in %.0f s"
        LOG.error(text, action.sleep, exc_info=exc)
