# SPDX-License-Identifier: Apache-2.0
"""Keeping the board in step with the database, and noticing the dead."""

import functools
import logging
import time
from collections.abc import Sequence
from importlib import metadata

from amphv2_bootstrap.engine.board import Board, Entry, entry_of
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import FlowRun
from amphv2_bootstrap.engine.storage.heartbeats import Heartbeats
from amphv2_bootstrap.engine.storage.retention import prune
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import ConflictError

LOG = logging.getLogger(__name__)

# While claims of others are on the board, their owners are looked at this often.
_WATCH_SECONDS = 1.0
_PRUNE_SECONDS = 3600.0


def _is_orphan(flow_run: FlowRun) -> bool:
    """Whether nobody is known to hold the job, or only somebody who has died."""
    owner = ProcessIdentity.parse(flow_run.owner or "")
    return owner.is_surely_dead if owner is not None else not flow_run.owner


@functools.cache
def _version() -> str:
    return metadata.version("amphv2-bootstrap")


class Reconciler:
    """Posts what the board has lost, and frees what the dead of this host hold.

    The database is the truth (promise P1): an entry that vanished is posted
    again, whoever lost it.
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
        self._heartbeats = Heartbeats(store.database, str(owner), interval)
        self._owner = owner
        self._interval = interval
        self._history = history
        self._due_at = 0.0
        self._watch_at = 0.0
        self._prune_at = 0.0
        self._displaced: set[str] = set()

    def make_due(self) -> None:
        """Have the next pass reconcile: the database has changed."""
        self._due_at = 0.0

    def seconds_until_due(self) -> float:
        """How long the board may stay as it is, if no claim of others is on it."""
        return max(0.0, self._due_at - time.monotonic())

    def is_due(self, entries: Sequence[Entry]) -> bool:
        now = time.monotonic()
        if now >= self._due_at:
            return True
        return now >= self._watch_at and any(entry.claimed for entry in entries)

    def reconcile(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Bring the board up to date; the entries as they are afterwards."""
        now = time.monotonic()
        is_due = now >= self._due_at
        # Before the look at the database: what changes after it makes it due again.
        self._due_at = now + self._interval if is_due else self._due_at
        try:
            changed = self._compare(entries)
            if is_due:
                # Last: it takes the dead off the list by which their claims are freed.
                self._heartbeat()
                self._prune(now)
        except BaseException:
            self.make_due()
            raise
        # From now on: the look itself takes longer than that with enough jobs.
        self._watch_at = time.monotonic() + _WATCH_SECONDS
        return self._board.entries() if changed else entries

    def _compare(self, entries: Sequence[Entry]) -> int:
        flow_runs = self._store.live_flow_runs()
        return self._restore(entries, flow_runs) + self._free(entries, flow_runs)

    def _restore(self, entries: Sequence[Entry], flow_runs: Sequence[FlowRun]) -> int:
        present = {entry.uuid for entry in entries}
        missing = [flow_run for flow_run in flow_runs if flow_run.uuid not in present]
        self._displaced &= {flow_run.uuid for flow_run in missing}
        return sum(self._post(flow_run) for flow_run in missing)

    def _post(self, flow_run: FlowRun) -> bool:
        """Whether it is on the board now; another job in its place is said once."""
        try:
            self._board.post_entry(entry_of(flow_run))
        except ConflictError as exc:
            if flow_run.uuid not in self._displaced:
                LOG.error("%s", exc)
                self._displaced.add(flow_run.uuid)
            return False
        LOG.info("%s: posted to the jobboard", flow_run)
        return True

    def _free(self, entries: Sequence[Entry], flow_runs: Sequence[FlowRun]) -> int:
        claimed = {entry.uuid: entry for entry in entries if entry.claimed}
        orphans = [
            flow_run
            for flow_run in flow_runs
            if flow_run.uuid in claimed and _is_orphan(flow_run)
        ]
        if not orphans:
            return 0
        # Who died between his claim and the database's word of it is named
        # by no job.
        dead = self._heartbeats.dead()
        return sum(
            self._release(claimed[flow_run.uuid], owner)
            for flow_run in orphans
            for owner in dict.fromkeys([flow_run.owner, *dead])
            if owner is not None
        )

    def _release(self, entry: Entry, owner: str) -> bool:
        freed = self._board.release(entry, owner)
        if freed:
            LOG.warning("%s: its conductor %s has died; freed its claim", entry, owner)
        return freed

    def _heartbeat(self) -> None:
        self._heartbeats.heartbeat(self._owner.host, self._owner.pid, _version())

    def _prune(self, now: float) -> None:
        if self._history and now >= self._prune_at:
            self._prune_at = now + _PRUNE_SECONDS
            count = prune(self._store.database, self._history)
            if count:
                LOG.info("Deleted %s jobs that ended long ago", count)

    def sign_off(self) -> None:
        """Take this conductor off the list, if the database answers."""
        try:
            self._heartbeats.sign_off()
        except DatabaseUnavailableError as exc:
            LOG.info("Not signed off: %s", exc)
