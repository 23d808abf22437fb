# SPDX-License-Identifier: Apache-2.0
"""``upgrade-persistence-schema``: taskflow's tables, made by octavia-db-manage."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from amphv2_bootstrap.adapters import octavia_db_manage, octavia_python
from amphv2_bootstrap.adapters import persistence_schema as schemas
from amphv2_bootstrap.adapters.mysql import Session, lock_name
from amphv2_bootstrap.adapters.octavia_db_manage import Outcome
from amphv2_bootstrap.adapters.persistence_schema import Schema
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.tasks.base import (
    CHANGED,
    NOT_APPLICABLE,
    UNCHANGED,
    Context,
    Step,
    StepResult,
)
from amphv2_bootstrap.tasks.target_database import account, database_name, texts

_POLL_SECONDS = 0.2


class UpgradePersistenceSchema(Step):
    """Bring the tables to the head of Octavia's own taskflow.

    One at a time in the whole cloud, by two locks of the database server. The
    step holds the first from its look at the tables until it has looked again.
    The second is held by whatever changes tables: octavia-db-manage's own
    connection takes it too, so that one which lives on after its conductor died
    is waited for. Both are taken as Octavia's account: what guards the database
    has to be on the server that Octavia will talk to.
    """

    atom_name = "upgrade-persistence-schema"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._made = False  # also by an attempt that failed afterwards
        self._warnings: tuple[str, ...] = ()

    def act(self) -> StepResult:
        if self.context.spec.persistence.is_sqlite:
            return self._act_on_file()
        head = self._head()
        with account(self.context) as session:  # also: can it be reached at all?
            if schemas.look(session).is_complete(head):
                return self._result(UNCHANGED, head)
            with self._alone(session):
                before = schemas.look(session)
                if before.is_complete(head):  # by whoever had the lock
                    return self._result(UNCHANGED, head)
                self._refuse_foreign(before, session)
                after = self._upgrade(session, before, head)
        return self._result(UNCHANGED if after == before else CHANGED, head, after)

    def undo(self, result: StepResult) -> None:
        """Drop the tables if this step made them and none has a row."""
        if not result.made:
            return
        with account(self.context) as session, self._alone(session):
            if schemas.look(session).may_be_cleared:
                self._clear(session)

    def _head(self) -> str:
        host = self.context.host
        python = host.octavia_python or octavia_python.find_python(
            host.db_manage_command
        )
        asked = python and octavia_db_manage.schema_head(python, self.context.cancelled)
        if asked:
            self._warnings = ()
            return asked
        self._warnings = (
            "Octavia's own Python could not be asked which revision its taskflow "
            f"ends at; {schemas.KNOWN_HEAD} is taken for it.",
        )
        return schemas.KNOWN_HEAD

    @contextlib.contextmanager
    def _alone(self, session: Session) -> Iterator[None]:
        """Hold the first lock."""
        lock = lock_name("amphv2-upgrade", database_name(self.context.spec))
        with self._locked(session, lock):
            yield

    def _locked(
        self, session: Session, lock: str
    ) -> contextlib.AbstractContextManager[None]:
        seconds = self.context.host.db_manage_timeout
        return session.locked(lock, seconds, self.context.cancelled)

    @property
    def _table_lock(self) -> str:
        return lock_name("amphv2-ddl", database_name(self.context.spec))

    def _refuse_foreign(self, found: Schema, session: Session) -> None:
        if found.of_another_program:
            raise PermanentError(
                "upgrade the persistence schema",
                on=f"{database_name(self.context.spec)} on {session.place}",
                why=f"the database belongs to another program ({found})",
                todo="Give taskflow's persistence a database of its own.",
            )

    def _upgrade(self, session: Session, before: Schema, head: str) -> Schema:
        """Upgrade; what can't be upgraded and holds nothing is made anew."""
        self._made |= not before.own
        if before.may_be_cleared and not before.is_of_a_release(head):
            # A run was killed in the middle: the migrations don't bear a rerun.
            self._clear(session)
        outcome, after = self._run(session)
        broken = not (self._is_done(outcome, after, head) or outcome.transient)
        if broken and after.may_be_cleared:
            self._clear(session)
            outcome, after = self._run(session)
        if not self._is_done(outcome, after, head):
            raise self._failure(session.place, outcome, after, head)
        return after

    def _clear(self, session: Session) -> None:
        with self._locked(session, self._table_lock):
            schemas.clear(session)
        self._made = True  # what comes instead is ours

    def _run(self, session: Session) -> tuple[Outcome, Schema]:
        url = octavia_db_manage.guarded(
            self.context.spec.persistence,
            self._table_lock,
            max(1, int(self.context.host.db_manage_timeout * 0.8)),
        )
        outcome = self._db_manage(url)
        # Its connection may outlive it for a moment: have the lock, then look.
        with self._locked(session, self._table_lock):
            return outcome, schemas.look(session)

    def _is_done(self, outcome: Outcome, found: Schema, head: str) -> bool:
        """The exit code counts only where we don't know what Octavia's head is."""
        trusted = bool(self._warnings) and outcome.returncode == 0
        return found.is_complete(head) or (trusted and found.is_of_a_release(head))

    def _failure(
        self, place: str, outcome: Outcome, found: Schema, head: str
    ) -> TransientError | PermanentError:
        kind = TransientError if outcome.transient else PermanentError
        todo = "Mend the cause that octavia-db-manage tells, and resume."
        if found.rows_anywhere:
            todo = (
                "The tables hold rows, so they are left as they are. Dump the "
                "database, compare its tables with a fresh one's, mend it by hand "
                "or drop the tables if no load balancer is in work; then resume."
            )
        elif outcome.returncode == 0:
            todo = (
                "It ended without an error and yet without these tables: does "
                "db_manage_command pass its arguments on to octavia-db-manage?"
            )
        return kind(
            "upgrade the persistence schema",
            on=f"{self.context.spec.persistence.database} on {place}",
            why=(
                f"wanted the tables {', '.join(sorted(schemas.TABLES))} at revision "
                f"{head}, found {found}; octavia-db-manage ended with exit code "
                f"{outcome.returncode} and said: {outcome.output or 'nothing'}"
            ),
            todo=todo,
        )

    def _result(
        self, outcome: str, head: str, found: Schema | None = None
    ) -> StepResult:
        revision = found.revisions[0] if found and found.revisions else head
        name = self.context.spec.persistence.database
        made = (f"schema:{name}",) if self._made else ()
        if made:
            outcome = CHANGED
        summary = f"the persistence schema of {name} is at revision {revision}"
        return StepResult(outcome, summary, self._warnings, made)

    def _db_manage(self, url: DatabaseUrl) -> Outcome:
        return octavia_db_manage.upgrade_persistence(
            self.context.host,
            url,
            self.context.secrets.text("persistence_password"),
            secrets=texts(self.context.secrets),
            cancelled=self.context.cancelled,
        )

    def _act_on_file(self) -> StepResult:
        url = self.context.spec.persistence
        if url.database in (None, "", ":memory:"):
            return StepResult(
                NOT_APPLICABLE,
                "the database is in memory",
                ("Nothing is kept in it: amphorav2 can't resume anything.",),
            )
        path = Path(url.database or "")
        if schemas.look_at_file(path).tables >= schemas.TABLES:
            return StepResult(UNCHANGED, f"the tables are in {path}")
        with self._folder_locked(path.parent):
            outcome = self._db_manage(url)
            found = schemas.look_at_file(path)
        if not found.tables >= schemas.TABLES:
            raise self._failure(str(path), outcome, found, "(none with SQLite)")
        return StepResult(CHANGED, f"made the tables in {path}")

    @contextlib.contextmanager
    def _folder_locked(self, folder: Path) -> Iterator[None]:
        """Keep others on this host away: SQLite's tables are made in many steps."""
        deadline = time.monotonic() + self.context.host.db_manage_timeout
        descriptor = _open_folder(folder)
        try:
            while not _flock(descriptor):
                if self.context.cancelled.wait(_POLL_SECONDS):
                    raise CancelledError(f"wait for {folder}", why="told to stop")
                if time.monotonic() > deadline:
                    raise TransientError(
                        "make the tables", on=str(folder), why="another run does"
                    )
            yield
        finally:
            os.close(descriptor)


def _open_folder(folder: Path) -> int:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as exc:
        raise PermanentError(
            "make the tables", on=str(folder), why=exc.strerror or str(exc)
        ) from exc


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
