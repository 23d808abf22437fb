# SPDX-License-Identifier: Apache-2.0
"""``upgrade-persistence-schema``: taskflow's tables, made by octavia-db-manage."""

import contextlib
import fcntl
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from amphv2_bootstrap.adapters.mysql.sessions import Session, lock_name
from amphv2_bootstrap.adapters.octavia import db_manage, introspection, ownership
from amphv2_bootstrap.adapters.octavia.db_manage import Completed
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.adapters.schema import persistence_schema as schemas
from amphv2_bootstrap.adapters.schema import repair
from amphv2_bootstrap.adapters.schema.persistence_schema import Schema
from amphv2_bootstrap.adapters.schema.revisions import CHAIN
from amphv2_bootstrap.adapters.schema.state import State, Verdict, classify
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.steps.base import (
    CHANGED,
    NOT_APPLICABLE,
    UNCHANGED,
    Context,
    Step,
    StepResult,
)
from amphv2_bootstrap.steps.target_database import account, database_name

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
        self._mended: tuple[str, ...] = ()
        self._warnings: tuple[str, ...] = ()
        self._chain = CHAIN

    @property
    def aim(self) -> str:
        command = shlex.join(self.context.host.db_manage_command)
        return f"run {command} upgrade_persistence where tables aren't at its head"

    def act(self) -> StepResult:
        if self.context.spec.persistence.is_sqlite:
            return self._act_on_file()
        self._ask_chain()
        with account(self.context) as session:  # also: can it be reached at all?
            verdict = self._judge(schemas.look(session, rows=False))
            if verdict.state is State.HEAD:
                return self._result(UNCHANGED, verdict)
            with self._alone(session):
                return self._act_alone(session)

    def undo(self, result: StepResult) -> None:
        """Drop the tables if this step made them and none has a row."""
        if not result.made:
            return
        with account(self.context) as session, self._alone(session):
            if schemas.look(session).may_be_cleared:
                self._clear(session)

    def _ask_chain(self) -> None:
        """The revisions of Octavia's own taskflow, first to last."""
        python = interpreter_of(self.context.host)
        asked = introspection.revisions(python) if python else ()
        self._chain, self._warnings = asked or CHAIN, ()
        if not asked:
            self._warnings = (
                "Octavia's own Python could not be asked which revision its taskflow "
                f"ends at; {CHAIN[-1]} is taken for it.",
            )

    def _judge(self, found: Schema) -> Verdict:
        return classify(found, self._chain)

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

    def _act_alone(self, session: Session) -> StepResult:
        """Mend and upgrade; a second time where the first left a half of it."""
        before = self._mend(session)
        if before.state is State.HEAD:  # by whoever had the lock
            return self._result(CHANGED if self._mended else UNCHANGED, before)
        completed, after, found = self._run(session)
        broken = after.state is State.HALF and not completed.transient
        if broken and (found.may_be_cleared or _is_mendable(after)):
            self._mend(session)
            completed, after, found = self._run(session)
        if not self._is_done(completed, after, found):
            raise self._failure(session.place, completed, after, found)
        same = after.revision == before.revision and not self._mended
        return self._result(UNCHANGED if same else CHANGED, after)

    def _mend(self, session: Session) -> Verdict:
        """Make octavia-db-manage's work possible; the verdict after that.

        :raises PermanentError: only the operator can do it.
        """
        with self._locked(session, self._table_lock):
            found = schemas.look(session)
            verdict = self._judge(found)
            self._made |= not found.own
            if verdict.state is State.FOREIGN:
                raise self._foreign(self._on(session), verdict)
            if verdict.state is not State.HALF:
                return verdict
            if found.may_be_cleared:
                schemas.clear(session)
                self._made = True  # what comes instead is ours
            elif verdict.repair:
                repair.perform(
                    session,
                    verdict.repair,
                    reasons=verdict.reasons,
                    on=self._on(session),
                )
                self._mended += (*verdict.repair.changes, *verdict.repair.stamp)
            return self._judge(schemas.look(session))

    def _clear(self, session: Session) -> None:
        with self._locked(session, self._table_lock):
            schemas.clear(session)

    def _run(self, session: Session) -> tuple[Completed, Verdict, Schema]:
        url = db_manage.guarded(
            self.context.spec.persistence,
            self._table_lock,
            max(1, int(self.context.host.db_manage_timeout * 0.8)),
        )
        completed = self._db_manage(url)
        # Its connection may outlive it for a moment: have the lock, then look.
        with self._locked(session, self._table_lock):
            found = schemas.look(session)
        return completed, self._judge(found), found

    def _is_done(self, completed: Completed, verdict: Verdict, found: Schema) -> bool:
        """The exit code counts only where we don't know what Octavia's head is."""
        trusted = bool(self._warnings) and completed.returncode == 0
        return verdict.state is State.HEAD or (trusted and found.is_of_a_release())

    def _on(self, session: Session) -> str:
        return f"{database_name(self.context.spec)} on {session.place}"

    def _foreign(self, on: str, verdict: Verdict) -> PermanentError:
        return PermanentError(
            "upgrade the persistence schema",
            on=on,
            why=f"what is there isn't taskflow's: {'; '.join(verdict.reasons)}",
            todo=(
                "Give taskflow's persistence a database of its own. If it is its "
                "own, put right by hand what is named, or restore a dump; then resume."
            ),
        )

    def _failure(
        self, place: str, completed: Completed, verdict: Verdict, found: Schema
    ) -> TransientError | PermanentError:
        kind = TransientError if completed.transient else PermanentError
        todo = "Mend the cause that octavia-db-manage tells, and resume."
        if found.rows_anywhere and verdict.state is not State.BEHIND:
            todo = (
                "The tables hold rows, so they are left as they are. Dump the "
                "database, mend it by hand, or drop the tables if no load balancer "
                "is in work; then resume."
            )
        elif completed.returncode == 0:
            todo = (
                "It ended without an error and yet without these tables: does "
                "db_manage_command pass its arguments on to octavia-db-manage?"
            )
        return kind(
            "upgrade the persistence schema",
            on=f"{self.context.spec.persistence.database} on {place}",
            why=(
                f"wanted the tables {', '.join(sorted(schemas.TABLES))} at revision "
                f"{self._chain[-1]}, found {found}, {verdict}; octavia-db-manage ended "
                f"with exit code {completed.returncode} and said: "
                f"{completed.output or 'nothing'}"
            ),
            todo=todo,
        )

    def _result(self, effect: str, verdict: Verdict) -> StepResult:
        name = self.context.spec.persistence.database
        made = (f"schema:{name}",) if self._made else ()
        summary = f"the persistence schema of {name} is at revision {verdict.revision}"
        if self._mended:
            summary += f"; it was half-applied, mended by: {'; '.join(self._mended)}"
        warnings = self._warnings + tuple(
            f"{remark}: left as it is" for remark in verdict.remarks
        )
        return StepResult(CHANGED if made else effect, summary, warnings, made)

    def _db_manage(self, url: DatabaseUrl) -> Completed:
        return db_manage.upgrade_persistence(
            self.context.host,
            url,
            self.context.secrets.text("persistence_password"),
            masker=self.context.secrets.masker,
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
        path, conf = Path(url.database or ""), self.context.host.config_file
        if schemas.look_at_file(path).tables >= schemas.TABLES:
            closed = ownership.closed_to_octavia(path, conf)
            return StepResult(UNCHANGED, f"the tables are in {path}", closed)
        with self._folder_locked(path.parent):
            ownership.make_file(path, conf)
            completed = self._db_manage(url)
            found = schemas.look_at_file(path)
        if not found.tables >= schemas.TABLES:
            verdict = Verdict(State.HALF if found.own else State.ABSENT)
            raise self._failure(str(path), completed, verdict, found)
        closed = ownership.closed_to_octavia(path, conf)
        return StepResult(CHANGED, f"made the tables in {path}", closed)

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


def _is_mendable(verdict: Verdict) -> bool:
    return verdict.repair is not None and verdict.repair.certain


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
