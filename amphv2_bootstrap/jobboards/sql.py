# SPDX-License-Identifier: Apache-2.0
"""A taskflow jobboard on a SQL database: the embedded default.

It needs no server besides the engine's own database (SQLite or MariaDB), and so
breaks the circle that a cloud has a database before it has Redis. Claims expire
by the database's clock, so the hosts' clocks don't matter.
"""

import contextlib
import json
import logging
import threading
import time
import uuid as uuids
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from taskflow import exceptions as taskflow_exc
from taskflow import states
from taskflow.jobs import base

from amphv2_bootstrap.engine import schema
from amphv2_bootstrap.engine.board import (
    BoardUnavailableError,
    ClaimRefusedError,
    Entry,
    Posting,
)
from amphv2_bootstrap.engine.database import Database, is_duplicate, to_json
from amphv2_bootstrap.engine.errors import DatabaseError, DatabaseUnavailableError
from amphv2_bootstrap.jobboards.settings import BoardSettings

LOG = logging.getLogger(__name__)

_TABLE = schema.board_entries
_WATCH_SECONDS = 0.02
_CLAIM_SECONDS = 60.0


class SqlJob(base.Job):  # type: ignore[misc]
    """A job on a :class:`SqlJobBoard`."""

    def __init__(self, board: "SqlJobBoard", row: Any, posting: Mapping[str, Any]):
        super().__init__(
            board,
            posting["name"],
            uuid=row.job_uuid,
            details=dict(posting.get("details") or {}),
            backend=board.persistence,
            book_data=posting.get("book"),
        )
        self.sequence = int(row.sequence)
        self._created_on = posting.get("created_on")
        self._last_modified = row.modified_at
        self._priority = base.JobPriority.convert(posting.get("priority", "NORMAL"))

    @property
    def last_modified(self) -> Any:
        return self._last_modified

    @property
    def created_on(self) -> Any:
        return self._created_on

    @property
    def priority(self) -> Any:
        return self._priority

    @property
    def state(self) -> str:
        row = self._board.row(self.uuid)
        if row is None:
            return str(states.COMPLETE)
        return str(states.CLAIMED if row.claimed else states.UNCLAIMED)

    def extend_expiry(self, expiry: float) -> bool:
        """Not offered: only the owner may renew; see :meth:`SqlJobBoard.renew`."""
        raise NotImplementedError("use SqlJobBoard.renew, which checks the owner")


class SqlJobBoard(base.JobBoard):  # type: ignore[misc]
    """taskflow's jobboard interface and the engine's, on one table.

    ``conf`` has ``database`` (a :class:`Database`) or ``connection`` (a URL).
    """

    def __init__(
        self, name: str, conf: Mapping[str, Any], persistence: Any = None
    ) -> None:
        super().__init__(name, conf)
        self.persistence = persistence
        self._owned = conf.get("database") is None
        self._database: Database = conf.get("database") or Database(conf["connection"])
        self._changed = threading.Event()
        self._connected = False
        self._seen: object = None

    # What the engine asks (see engine.board.Board).

    def connect(self) -> None:
        self._connected = True

    def close(self) -> None:
        self._connected = False
        if self._owned:
            self._database.close()

    @property
    def connected(self) -> bool:
        return self._connected

    def post_entry(self, posting: Posting) -> None:
        body = {
            "uuid": posting.uuid,
            "name": posting.name,
            "priority": "NORMAL",
            "details": dict(posting.details),
            "created_on": time.time(),
        }
        if posting.book_uuid:
            body["book"] = {"uuid": posting.book_uuid, "name": posting.book_name}
        self._insert(posting.uuid, posting.sequence, body)

    def _insert(self, uuid: str, sequence: int, body: Mapping[str, Any]) -> None:
        values = {
            "board": self.name,
            "job_uuid": uuid,
            "sequence": sequence,
            "posting": to_json(body),
            "modified_at": self._database.now,
        }
        try:
            self._write(
                lambda connection: connection.execute(_TABLE.insert().values(**values))
            )
        except DatabaseError as exc:
            if not is_duplicate(exc):
                raise
        self._changed.set()

    def entries(self) -> Sequence[Entry]:
        return [
            Entry(row.job_uuid, body["name"], body["details"], bool(row.claimed), row)
            for row, body in self._postings()
        ]

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        now = self._database.now
        claimed = self._update(
            entry.uuid,
            sa.or_(_TABLE.c.owner.is_(None), _TABLE.c.expires_at <= now),
            owner=owner,
            expires_at=now + expiry,
        )
        if not claimed:
            raise ClaimRefusedError(
                "claim the job", on=entry.uuid, why="another holds it, or it is gone"
            )

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        now = self._database.now
        held = sa.and_(_TABLE.c.owner == owner, _TABLE.c.expires_at > now)
        return self._update(entry.uuid, held, expires_at=now + expiry)

    def release(self, entry: Entry, owner: str) -> bool:
        held = _TABLE.c.owner == owner
        released = self._update(entry.uuid, held, owner=None, expires_at=None)
        self._changed.set()
        return released

    def remove(self, entry: Entry, owner: str) -> bool:
        return self._delete(entry.uuid, _TABLE.c.owner == owner)

    def wait_for_change(self, timeout: float) -> None:
        """SQLite's files are watched; a server is looked at by the next poll."""
        if self._database.is_sqlite:
            self._watch_files(timeout)
        else:
            self._changed.wait(timeout)
        self._changed.clear()

    def _watch_files(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._stamp() == self._seen:
            if self._changed.wait(_WATCH_SECONDS):
                return

    def _stamp(self) -> object:
        path = str(self._database.engine.url.database)
        found = []
        for name in (path, f"{path}-wal"):
            try:
                stat = Path(name).stat()
            except FileNotFoundError:
                continue
            found.append((stat.st_mtime_ns, stat.st_size))
        return found

    def interrupt(self) -> None:
        self._changed.set()

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
        return SqlJob(self, self.row(uuid), body)

    def iterjobs(self, only_unclaimed: bool = False, ensure_fresh: bool = False) -> Any:
        return base.JobBoardIterator(
            self,
            LOG,
            board_fetch_func=lambda ensure_fresh: self._jobs(),
            only_unclaimed=only_unclaimed,
            ensure_fresh=ensure_fresh,
        )

    def _jobs(self) -> list[SqlJob]:
        return [SqlJob(self, row, body) for row, body in self._postings()]

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

    @base.check_who  # type: ignore[untyped-decorator]
    def claim(self, job: Any, who: str, expiry: float = _CLAIM_SECONDS) -> None:
        try:
            self.claim_entry(_entry(job), who, expiry)
        except ClaimRefusedError as exc:
            kind = taskflow_exc.UnclaimableJob
            raise (kind if self.row(job.uuid) else taskflow_exc.NotFound)(
                str(exc)
            ) from exc

    @base.check_who  # type: ignore[untyped-decorator]
    def consume(self, job: Any, who: str) -> None:
        self._insist(self.remove(_entry(job), who), job, who)

    @base.check_who  # type: ignore[untyped-decorator]
    def abandon(self, job: Any, who: str) -> None:
        self._insist(self.release(_entry(job), who), job, who)

    @base.check_who  # type: ignore[untyped-decorator]
    def trash(self, job: Any, who: str) -> None:
        """The engine's own table of jobs keeps what was trashed."""
        self._insist(self.remove(_entry(job), who), job, who)

    def _insist(self, done: bool, job: Any, who: str) -> None:
        if not done:
            missing = self.row(job.uuid) is None
            kind = taskflow_exc.NotFound if missing else taskflow_exc.JobFailure
            raise kind(f"Job {job.uuid} is not claimed by {who}")

    # The table.

    def row(self, uuid: str) -> Any:
        """The row of a job, or None."""
        found = list(self._rows(_TABLE.c.job_uuid == uuid))
        return found[0] if found else None

    def _postings(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        for row in self._rows():
            try:
                body = json.loads(row.posting)
                name, details = body["name"], body.get("details") or {}
            except (ValueError, TypeError, KeyError):
                continue  # not ours; left where it is
            yield row, {**body, "name": name, "details": details}

    def _rows(self, *conditions: sa.ColumnElement[bool]) -> list[Any]:
        held = sa.and_(
            _TABLE.c.owner.is_not(None), _TABLE.c.expires_at > self._database.now
        )
        query = (
            sa.select(_TABLE, sa.case((held, 1), else_=0).label("claimed"))
            .where(_TABLE.c.board == self.name, *conditions)
            .order_by(_TABLE.c.sequence)
        )
        # Taken before the query: a change during it must not be missed.
        self._seen = self._stamp() if self._database.is_sqlite else None
        with _translated(), self._database.read() as connection:
            return list(connection.execute(query))

    def _update(
        self, uuid: str, condition: sa.ColumnElement[bool], **values: Any
    ) -> bool:
        statement = (
            _TABLE.update()
            .where(_TABLE.c.board == self.name, _TABLE.c.job_uuid == uuid, condition)
            .values(**values, modified_at=self._database.now)
        )
        return self._write(lambda connection: connection.execute(statement)) > 0

    def _delete(self, uuid: str, condition: sa.ColumnElement[bool]) -> bool:
        statement = _TABLE.delete().where(
            _TABLE.c.board == self.name, _TABLE.c.job_uuid == uuid, condition
        )
        return self._write(lambda connection: connection.execute(statement)) > 0

    def _write(self, write: Callable[[sa.Connection], Any]) -> int:
        with _translated(), self._database.write() as connection:
            return int(write(connection).rowcount)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The board's view of the database's errors."""
    try:
        yield
    except DatabaseUnavailableError as exc:
        raise BoardUnavailableError(
            exc.attempted, on=exc.on, why=exc.why, todo=exc.todo
        ) from exc


def _entry(job: Any) -> Entry:
    return Entry(job.uuid, job.name, job.details, False, job)


def open_board(settings: BoardSettings) -> SqlJobBoard:
    """The board on the engine's own database; ``settings.database`` is required."""
    return SqlJobBoard(settings.namespace, {"database": settings.database})
