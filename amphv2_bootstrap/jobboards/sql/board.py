# SPDX-License-Identifier: Apache-2.0
"""A taskflow jobboard in a SQL database: the default.

It needs no server besides the engine's own database (SQLite, MariaDB or MySQL): a
cloud has a database before it has Redis. Claims expire by the database's clock, so
the hosts' clocks don't matter.
"""

import json
import logging
import time
import uuid as uuids
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from taskflow import exceptions as taskflow_exc
from taskflow import states
from taskflow.jobs import base

from amphv2_bootstrap.engine.board import ClaimRefusedError, Entry, NewEntry
from amphv2_bootstrap.engine.storage.database import Database, to_json
from amphv2_bootstrap.jobboards.codec import Listing, read_listing, write_listing
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.jobboards.sql.changes import open_watch
from amphv2_bootstrap.jobboards.sql.table import EntryTable

LOG = logging.getLogger(__name__)

_CLAIM_SECONDS = 60.0


class SqlJob(base.Job):
    """A job on a :class:`SqlJobBoard`."""

    def __init__(self, board: "SqlJobBoard", row: Any, listing: Listing) -> None:
        super().__init__(
            board,
            listing.name,
            uuid=listing.uuid,
            details=dict(listing.details),
            backend=board.persistence,
            book_data=listing.book,
        )
        self.sequence = listing.sequence
        self._modified_at = row.modified_at
        self._body = json.loads(row.body)

    @property
    def last_modified(self) -> Any:
        return datetime.fromtimestamp(self._modified_at, UTC)

    @property
    def created_on(self) -> Any:
        return self._body.get("created_on")

    @property
    def priority(self) -> Any:
        return base.JobPriority.convert(self._body.get("priority", "NORMAL"))

    @property
    def state(self) -> str:
        row = self._board.row(self.uuid)
        if row is None:
            return str(states.COMPLETE)
        return str(states.CLAIMED if row.claimed else states.UNCLAIMED)

    def extend_expiry(self, expiry: float) -> bool:
        """Not offered: only the owner may renew; see :meth:`SqlJobBoard.renew`."""
        raise NotImplementedError("use SqlJobBoard.renew, which checks the owner")


class SqlJobBoard(base.JobBoard):
    """taskflow's jobboard interface and the engine's, on one table.

    ``conf`` has ``database`` (a :class:`Database`) or ``connection`` (a URL), and
    may have ``patience``: seconds that the server may take to answer.
    """

    def __init__(
        self, name: str, conf: Mapping[str, Any], persistence: Any = None
    ) -> None:
        super().__init__(name, conf)
        self.persistence = persistence
        self._owned = conf.get("database") is None
        self._database: Database = conf.get("database") or Database(conf["connection"])
        self._hasty = self._hasty_database(conf.get("patience"))
        self._table = EntryTable(self._hasty, name)
        self._changes = open_watch(self._database, self._table, name)
        self._connected = False

    def _hasty_database(self, patience: float | None) -> Database:
        """The same database with shorter timeouts, where it is on a server.

        A renewal must fail early enough for a second one.
        """
        if patience is None or self._database.is_sqlite:
            return self._database
        return Database(self._database.engine.url, patience)

    # What the engine asks (see engine.board.Board).

    def connect(self) -> None:
        self._connected = True

    def close(self) -> None:
        self._connected = False
        self._changes.close()
        if self._hasty is not self._database:
            self._hasty.close()
        if self._owned:
            self._database.close()

    @property
    def connected(self) -> bool:
        return self._connected

    def post_entry(self, new_entry: NewEntry) -> None:
        self._insert(new_entry.uuid, new_entry.sequence, write_listing(new_entry))

    def _insert(self, uuid: str, sequence: int, body: Mapping[str, Any]) -> None:
        self._table.insert(uuid, sequence, to_json(body))
        self._changes.wake()

    def entries(self) -> Sequence[Entry]:
        mark = self._changes.mark()
        rows = self._table.rows()
        self._changes.listen(mark, rows)
        return [
            Entry(each.uuid, each.name, each.details, bool(row.claimed), row)
            for row, each in _listings(rows)
        ]

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        if not self._table.claim(entry.uuid, owner, expiry):
            raise ClaimRefusedError(
                f"claim flow {entry.uuid}", why="another holds it, or it is gone"
            )

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        return self._table.renew(entry.uuid, owner, expiry)

    def release(self, entry: Entry, owner: str) -> bool:
        released = self._table.release(entry.uuid, owner)
        self._changes.wake()
        return released

    def remove(self, entry: Entry, owner: str) -> bool:
        return self._table.delete(entry.uuid, owner)

    def wait_for_change(self, timeout: float) -> None:
        """See :mod:`amphv2_bootstrap.jobboards.sql.changes`."""
        self._changes.wait(timeout)

    def interrupt(self) -> None:
        self._changes.wake()

    # What taskflow asks of any jobboard.

    def post(
        self,
        name: str,
        book: Any = None,
        details: Any = None,
        priority: Any = base.JobPriority.NORMAL,
    ) -> SqlJob:
        uuid = str(uuids.uuid4())
        body = base.format_posting(
            uuid,
            name,
            created_on=time.time(),
            book=book,
            details=details,
            priority=base.JobPriority.convert(priority),
        )
        self._insert(uuid, time.time_ns() // 1000, body)
        posted: SqlJob = next(job for job in self._jobs() if job.uuid == uuid)
        return posted

    def iterjobs(self, only_unclaimed: bool = False, ensure_fresh: bool = False) -> Any:
        return base.JobBoardIterator(
            self,
            LOG,
            board_fetch_func=lambda ensure_fresh: self._jobs(),
            only_unclaimed=only_unclaimed,
            ensure_fresh=ensure_fresh,
        )

    def _jobs(self) -> list[SqlJob]:
        return [SqlJob(self, *found) for found in _listings(self._table.rows())]

    def wait(self, timeout: float | None = None) -> Any:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.job_count:
            if deadline is not None and time.monotonic() >= deadline:
                raise taskflow_exc.NotFound("No job arrived in time")
            self.wait_for_change(0.5)
        return self.iterjobs()

    @property
    def job_count(self) -> int:
        return len(self._jobs())

    def find_owner(self, job: Any) -> str | None:
        row = self.row(job.uuid)
        return row.owner if row is not None and row.claimed else None

    def register_entity(self, entity: Any) -> None:
        """Conductors are listed in a table of their own."""

    @base.check_who
    def claim(self, job: Any, who: str, expiry: float = _CLAIM_SECONDS) -> None:
        try:
            self.claim_entry(_entry(job), who, expiry)
        except ClaimRefusedError as exc:
            kind = taskflow_exc.UnclaimableJob
            raise (kind if self.row(job.uuid) else taskflow_exc.NotFound)(
                str(exc)
            ) from exc

    @base.check_who
    def consume(self, job: Any, who: str) -> None:
        self._insist(self.remove(_entry(job), who), job, who)

    @base.check_who
    def abandon(self, job: Any, who: str) -> None:
        self._insist(self.release(_entry(job), who), job, who)

    @base.check_who
    def trash(self, job: Any, who: str) -> None:
        """The engine's own tables keep what was trashed."""
        self._insist(self.remove(_entry(job), who), job, who)

    def _insist(self, done: bool, job: Any, who: str) -> None:
        if not done:
            missing = self.row(job.uuid) is None
            kind = taskflow_exc.NotFound if missing else taskflow_exc.JobFailure
            raise kind(f"Job {job.uuid} is not claimed by {who}")

    def row(self, uuid: str) -> Any:
        """The row of an entry, or None."""
        found = self._table.rows(uuid)
        return found[0] if found else None


def _listings(rows: Sequence[Any]) -> Iterator[tuple[Any, Listing]]:
    """The engine's entries, with their rows; anything else stays where it is."""
    for row in rows:
        try:
            listing = read_listing(json.loads(row.body), sequence=row.sequence)
        except ValueError:
            continue
        if listing is not None and listing.uuid == row.uuid:
            yield row, listing


def _entry(job: Any) -> Entry:
    return Entry(job.uuid, job.name, job.details, False, job)


def open_board(settings: BoardSettings) -> SqlJobBoard:
    """The board on the engine's own database; ``settings.database`` is required."""
    conf = {"database": settings.database, "patience": settings.call_seconds}
    return SqlJobBoard(settings.namespace, conf)
