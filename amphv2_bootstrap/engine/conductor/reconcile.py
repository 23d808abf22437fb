# SPDX-License-Identifier: Apache-2.0
"""Keeps the board in step with the database, and frees dead conductors' claims."""

import functools
import logging
import time
from collections.abc import Sequence
from importlib import metadata

from amphv2_bootstrap.engine.board import Board, Entry, entry_of
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import FlowRun
from amphv2_bootstrap.engine.storage.control.withdrawing import withdraw
from amphv2_bootstrap.engine.storage.heartbeats import Heartbeats
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.retention import READ_ONLY_SECONDS, prune
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError, ConflictError

LOG = logging.getLogger(__name__)

# How often to look at the owners of the other claims on the board.
_WATCH_SECONDS = 1.0
_PRUNE_SECONDS = 3600.0


def _is_orphan(run: FlowRun) -> bool:
    """Whether the flow has no known owner, or a dead one."""
    owner = ProcessIdentity.parse(run.owner or "")
    return owner.is_surely_dead if owner is not None else not run.owner


@functools.cache
def _version() -> str:
    return metadata.version("amphv2-bootstrap")


class Reconciler:
    """Posts what the board lost, and frees claims of this host's dead conductors.

    The database is the truth (promise P1): an entry that vanished, for whatever
    reason, is posted again; a flow that has its turn is released, and a job that should
    have been closed is closed.
    """

    def __init__(
        self,
        board: Board,
        store: Store,
        owner: ProcessIdentity,
        interval: float,
        history: float = 0.0,
    ) -> None:
        self._board = board
        self._store = store
        self._journal = Journal(store.database, str(owner))
        self._heartbeats = Heartbeats(store.database, str(owner), interval)
        self._owner = owner
        self._interval = interval
        self._history = history
        self._due_at = 0.0
        self._watch_at = 0.0
        self._prune_at = 0.0
        self._alive_at = 0.0
        self._board_error: str | None = None
        self._has_forgotten = False
        self._displaced: set[str] = set()

    def say_alive(self, board_error: str | None = None) -> None:
        """Write a sign of life if it is time, and at once if the error is a new one.

        It needs no jobboard: one that is away makes no conductor silent.
        """
        now = time.monotonic()
        if now < self._alive_at and board_error == self._board_error:
            return
        owner = self._owner
        self._heartbeats.heartbeat(owner.host, owner.pid, _version(), board_error)
        self._alive_at = now + self._interval
        self._board_error = board_error

    def make_due(self) -> None:
        """Have the next pass reconcile: the database has changed."""
        self._due_at = 0.0

    def seconds_until_due(self) -> float:
        """Until the next comparison, if the board holds no claim."""
        return max(0.0, self._due_at - time.monotonic())

    def is_due(self, entries: Sequence[Entry]) -> bool:
        now = time.monotonic()
        if now >= self._due_at:
            return True
        return now >= self._watch_at and any(entry.claimed for entry in entries)

    def reconcile(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Bring the board up to date; returns its entries afterwards."""
        now = time.monotonic()
        is_due = now >= self._due_at
        # Before the database is read: a change after that makes it due again.
        self._due_at = now + self._interval if is_due else self._due_at
        try:
            if is_due:
                self._make_good()
            changed = self._compare(entries)
            if is_due:
                # Must be last: it deletes the rows that freeing claims needs.
                self._forget()
                self._prune(now)
        except BaseException:
            self.make_due()
            raise
        # From now on: with many flows, the comparison itself takes longer than that.
        self._watch_at = time.monotonic() + _WATCH_SECONDS
        return self._board.entries() if changed else entries

    def _make_good(self) -> None:
        job_uuid = self._store.unfinished()
        if job_uuid is not None and self._journal.is_behind(job_uuid):
            LOG.info("Job %s: doing what follows from its flows' states", job_uuid)
            self._journal.make_good(job_uuid)

    def _compare(self, entries: Sequence[Entry]) -> int:
        flow_runs = self._store.live_flow_runs()
        return self._restore(entries, flow_runs) + self._free(entries, flow_runs)

    def _restore(self, entries: Sequence[Entry], flow_runs: Sequence[FlowRun]) -> int:
        present = {entry.uuid for entry in entries}
        missing = [run for run in flow_runs if run.uuid not in present]
        self._displaced &= {run.uuid for run in missing}
        return sum(self._post(run) for run in missing)

    def _post(self, run: FlowRun) -> bool:
        """True when it is on the board now; an entry in its place is logged once."""
        try:
            self._board.post_entry(entry_of(run))
        except ConflictError as exc:
            if run.uuid not in self._displaced:
                LOG.error("%s", exc)
                self._displaced.add(run.uuid)
            return False
        LOG.info("%s: posted to the jobboard", run)
        return True

    def _free(self, entries: Sequence[Entry], flow_runs: Sequence[FlowRun]) -> int:
        claimed = {entry.uuid: entry for entry in entries if entry.claimed}
        orphans = [run for run in flow_runs if run.uuid in claimed and _is_orphan(run)]
        if not orphans:
            return 0
        # A conductor that died before `take()` owns no flow; try all dead ones.
        dead = self._heartbeats.dead()
        return sum(
            self._release(claimed[run.uuid], owner)
            for run in orphans
            for owner in dict.fromkeys([run.owner, *dead])
            if owner is not None
        )

    def _release(self, entry: Entry, owner: str) -> bool:
        freed = self._board.release(entry, owner)
        if freed:
            LOG.warning("%s: its conductor %s has died; freed its claim", entry, owner)
        return freed

    def _forget(self) -> None:
        if not self._has_forgotten:
            self._heartbeats.forget(self._owner.host)
            self._has_forgotten = True

    def _prune(self, now: float) -> None:
        if now < self._prune_at:
            return
        self._prune_at = now + _PRUNE_SECONDS
        database = self._store.database
        for uuid in self._store.forgotten(READ_ONLY_SECONDS):
            withdraw(self._journal, self._board, uuid)
        prune(database, READ_ONLY_SECONDS, read_only=True)
        count = prune(database, self._history) if self._history else 0
        if count:
            LOG.info("Deleted %s jobs that ended long ago", count)

    def sign_off(self) -> None:
        """Take this conductor off the list, if the database answers."""
        try:
            self._heartbeats.sign_off()
        except BootstrapError as exc:
            LOG.info("Not signed off: %s", exc)
