# SPDX-License-Identifier: Apache-2.0
"""Keeping the board in step with the database, and noticing the dead."""

import logging
import time
from collections.abc import Sequence
from importlib import metadata

from amphv2_bootstrap.engine.board import Board, Entry, Posting
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.owner import Owner
from amphv2_bootstrap.engine.presence import Presence
from amphv2_bootstrap.engine.records import Job
from amphv2_bootstrap.engine.store import Store

LOG = logging.getLogger(__name__)

# While claims of others are on the board, their owners are looked at this often.
_WATCH_SECONDS = 1.0


def posting(job: Job) -> Posting:
    """A job as it goes onto the board; safe to post again at any time."""
    name = f"{job.flow}/{job.host}" if job.host else job.flow
    return Posting(
        uuid=job.uuid,
        sequence=job.sequence,
        name=name,
        details={
            "flow": job.flow,
            "flow_uuid": job.flow_uuid,
            "host": job.host,
            "shape": job.shape,
        },
        book_uuid=job.book_uuid,
        book_name=name,
    )


class Reconciler:
    """Posts what the board has lost, and frees what the dead of this host hold.

    The database is the truth (promise P1): an entry that vanished is posted
    again, whoever lost it.
    """

    def __init__(
        self,
        board: Board,
        store: Store,
        owner: Owner,
        interval: float,
    ) -> None:
        self._board = board
        self._store = store
        self._presence = Presence(store.database, str(owner))
        self._owner = owner
        self._interval = interval
        self._due_at = 0.0
        self._watch_at = 0.0

    def make_due(self) -> None:
        """Have the next pass reconcile: the database has changed."""
        self._due_at = 0.0

    def is_due(self, entries: Sequence[Entry]) -> bool:
        now = time.monotonic()
        if now >= self._due_at:
            return True
        return now >= self._watch_at and any(entry.claimed for entry in entries)

    def reconcile(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Bring the board up to date; the entries as they are afterwards."""
        now = time.monotonic()
        self._watch_at = now + _WATCH_SECONDS
        if now >= self._due_at:
            self._heartbeat()
            self._due_at = now + self._interval
        jobs = self._store.live_jobs()
        changed = self._restore(entries, jobs) + self._free(entries, jobs)
        return self._board.entries() if changed else entries

    def _restore(self, entries: Sequence[Entry], jobs: Sequence[Job]) -> int:
        present = {entry.uuid for entry in entries}
        missing = [job for job in jobs if job.uuid not in present]
        for job in missing:
            LOG.info("Posting job %s (%s) to the jobboard", job.uuid, job.flow)
            self._board.post_entry(posting(job))
        return len(missing)

    def _free(self, entries: Sequence[Entry], jobs: Sequence[Job]) -> int:
        claimed = {entry.uuid: entry for entry in entries if entry.claimed}
        freed = 0
        for job in jobs:
            owner = Owner.parse(job.owner or "")
            if job.uuid in claimed and owner is not None and owner.is_surely_dead:
                LOG.warning(
                    "Job %s: its conductor %s has died; freeing its claim",
                    job.uuid,
                    job.owner,
                )
                freed += self._board.release(claimed[job.uuid], str(job.owner))
        return freed

    def _heartbeat(self) -> None:
        version = metadata.version("amphv2-bootstrap")
        self._presence.heartbeat(self._owner.host, self._owner.pid, version)

    def sign_off(self) -> None:
        """Take this conductor off the list, if the database answers."""
        try:
            self._presence.sign_off()
        except DatabaseUnavailableError as exc:
            LOG.info("Not signed off: %s", exc)
