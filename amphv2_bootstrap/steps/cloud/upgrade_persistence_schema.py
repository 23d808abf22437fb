# SPDX-License-Identifier: Apache-2.0
"""``upgrade-persistence-schema``: octavia-db-manage makes taskflow's tables."""

import contextlib
import logging
import shlex
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from amphv2_bootstrap.adapters.mysql import named_locks
from amphv2_bootstrap.adapters.mysql.errors import DatabaseRefusalError
from amphv2_bootstrap.adapters.mysql.named_locks import lock_name
from amphv2_bootstrap.adapters.mysql.sessions import Name, Session
from amphv2_bootstrap.adapters.octavia import ownership
from amphv2_bootstrap.adapters.octavia.db_manage import Completed
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.adapters.schema import persistence_schema as schemas
from amphv2_bootstrap.adapters.schema import repair, sqlite_file
from amphv2_bootstrap.adapters.schema.persistence_schema import Schema
from amphv2_bootstrap.adapters.schema.state import (
    UPGRADE_OCTAVIA,
    State,
    Verdict,
    classify,
)
from amphv2_bootstrap.adapters.schema.wanted_chain import WantedChain, wanted_chain
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec.server_errors.mysql import UNKNOWN_DATABASE
from amphv2_bootstrap.steps.base import (
    CHANGED,
    NOT_APPLICABLE,
    UNCHANGED,
    Change,
    Context,
    Kind,
    Seen,
    Step,
    StepResult,
)
from amphv2_bootstrap.steps.cloud import schema_errors, schema_upgrade
from amphv2_bootstrap.steps.target_database import account, admin, database_name

LOG = logging.getLogger(__name__)

_DONE = (State.HEAD, State.AHEAD)
_MAKERS = frozenset({"ensure-database", "ensure-database-accounts"})


class UpgradePersistenceSchema(Step):
    """Bring the tables to the head of Octavia's own taskflow.

    The engine lets one conductor at a time carry out the flow, and the step confirms
    its claim before each change. What a cut-off conductor has left on the server ends
    soon: its statements are waited for, and its sessions are idle for
    :data:`named_locks.IDLE_SECONDS` at most.

    Two named locks are a guard beside this, for runs that share no engine. The step
    holds the first from its first look at the tables to its last. Every connection that
    changes tables holds the second, also octavia-db-manage's own: if that outlives its
    conductor, the next run waits for it. The step takes both as Octavia's account, so
    they are on the server that Octavia uses.
    """

    atom_name = "upgrade-persistence-schema"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repaired: tuple[str, ...] = ()
        self._wanted = WantedChain()
        self._locks_work = True

    @property
    def aim(self) -> str:
        command = shlex.join(self.context.host.db_manage_command)
        return f"run {command} upgrade_persistence where tables aren't at its head"

    @property
    def time_limit(self) -> float:
        """Each of the two locks may be waited for twice."""
        return 600.0 + 5 * self.context.host.db_manage_timeout

    def look(self, ahead: Collection[str] = ()) -> Seen:
        if self.context.spec.persistence.is_sqlite:
            return self._look_at_file()
        self._wanted = wanted_chain(interpreter_of(self.context.host))
        try:
            with account(self.context) as session:
                return self._look(session)
        except DatabaseRefusalError:
            if not _MAKERS & {*ahead}:
                raise
        return self._look_before_octavia_can()

    def _look_before_octavia_can(self) -> Seen:
        """As the administrator, where Octavia's account can't log in yet."""
        name = database_name(self.context.spec)
        with admin(self.context) as session:
            if session.done("USE %s", Name(name), unless=(UNKNOWN_DATABASE,)):
                return self._look(session)
        later = StepResult(UNCHANGED, "the tables are made")
        change = schema_upgrade.change(self.context, self._wanted)
        return Seen(later, (change,), f"the database {name} isn't there yet")

    def _look(self, session: Session) -> Seen:
        verdict = self._judge(schemas.look(session, rows=False))
        result = self._result(UNCHANGED, verdict)
        if verdict.state in _DONE:
            return Seen(result)
        found = schemas.look(session)
        verdict = self._judge(found)
        place, texts = session.place, self._mending(session, found, verdict)
        changes = [Change(Kind.SQL, place, text) for text in texts]
        # After a repair up to the head, nothing is left to be upgraded.
        repaired = texts and not found.may_be_cleared and verdict.revision
        if repaired != self._wanted.head:
            changes.append(schema_upgrade.change(self.context, self._wanted))
        return Seen(result, tuple(changes))

    def _mending(
        self, session: Session, found: Schema, verdict: Verdict
    ) -> tuple[str, ...]:
        """The statements that octavia-db-manage needs before it can upgrade the tables.

        :raises PermanentError: only the operator can repair them.
        """
        on = self._on(session)
        if verdict.state is State.FOREIGN:
            raise schema_errors.foreign(on, verdict)
        if verdict.state is not State.HALF:
            return ()
        if found.may_be_cleared:
            return schemas.drops(found)
        if verdict.repair is None:
            return ()
        repair.refuse_doubtful(session, verdict.repair, reasons=verdict.reasons, on=on)
        return (*verdict.repair.changes, *verdict.repair.stamp)

    def act(self) -> StepResult:
        """Look, and then once more while nobody else may change the tables."""
        if self.context.spec.persistence.is_sqlite:
            return super().act()
        self._wanted = wanted_chain(interpreter_of(self.context.host))
        with account(self.context) as session:
            verdict = self._judge(schemas.look(session, rows=False))
            if verdict.state in _DONE:
                return self._result(UNCHANGED, verdict)
            with self._alone(session):
                return self._act_alone(session)

    def undo(self, result: StepResult) -> None:
        """Drop the tables if this step made them and none has rows."""
        if not result.made:
            return
        with account(self.context) as session, self._alone(session):
            if schemas.look(session).may_be_cleared:
                self._clear(session)

    def _judge(self, found: Schema) -> Verdict:
        return classify(found, self._wanted.revisions)

    @contextlib.contextmanager
    def _alone(self, session: Session) -> Iterator[None]:
        """Hold the first lock."""
        lock = lock_name("amphv2-upgrade", database_name(self.context.spec))
        with self._locked(session, lock) as self._locks_work:
            yield

    def _locked(
        self, session: Session, lock: str
    ) -> contextlib.AbstractContextManager[bool]:
        seconds = self.context.host.db_manage_timeout
        return named_locks.held(session, lock, seconds, self._report_wait)

    def _report_wait(self, why: str) -> None:
        LOG.warning("%s: %s", self.atom_name, why)
        self.record_retry(why)

    @property
    def _table_lock(self) -> str:
        return lock_name("amphv2-ddl", database_name(self.context.spec))

    def _act_alone(self, session: Session) -> StepResult:
        """Repair and upgrade; once more if that left a half-applied schema."""
        before = self._repair(session)
        if before.state in _DONE:  # the lock's last holder has upgraded it
            return self._result(CHANGED if self._repaired else UNCHANGED, before)
        completed, after, found = self._run(session)
        broken = after.state is State.HALF and not completed.transient
        if broken and (found.may_be_cleared or _is_repairable(after)):
            self._repair(session)
            completed, after, found = self._run(session)
        if not self._is_done(completed, after, found):
            raise self._failure(session.place, completed, after, found)
        same = after.revision == before.revision and not self._repaired
        return self._result(UNCHANGED if same else CHANGED, after)

    def _repair(self, session: Session) -> Verdict:
        """Repair the tables so that octavia-db-manage can upgrade them; judge again.

        :raises PermanentError: only the operator can repair them.
        """
        with self._locked(session, self._table_lock):
            found = schemas.look(session)
            verdict = self._judge(found)
            statements = self._mending(session, found, verdict)
            is_half = verdict.state is State.HALF
            if not found.own or (is_half and found.may_be_cleared):
                # This step makes the tables, perhaps anew.
                self.intents.add(f"schema:{database_name(self.context.spec)}")
            if not is_half:
                return verdict
            self.confirm_claim("repair the schema")
            if found.may_be_cleared:
                schemas.clear(session)
            elif verdict.repair:
                repair.perform(session, verdict.repair, on=self._on(session))
                self._repaired += statements
            return self._judge(schemas.look(session))

    def _clear(self, session: Session) -> None:
        self.confirm_claim("drop the tables")
        with self._locked(session, self._table_lock):
            schemas.clear(session)

    def _run(self, session: Session) -> tuple[Completed, Verdict, Schema]:
        self.confirm_claim(f"run {self._wanted.program}")
        with named_locks.kept_open(session):
            completed = schema_upgrade.upgrade(
                self.context,
                self._wanted,
                self._table_lock if self._locks_work else None,
            )
        # Its connection may outlive it for a moment: look only with the lock.
        with self._locked(session, self._table_lock):
            found = schemas.look(session)
        return completed, self._judge(found), found

    def _is_done(self, completed: Completed, verdict: Verdict, found: Schema) -> bool:
        """The exit code counts only where Octavia's head is unknown."""
        trusted = self._wanted.is_assumed and completed.returncode == 0
        return verdict.state in _DONE or (trusted and found.is_of_a_release())

    def _on(self, session: Session) -> str:
        return f"{database_name(self.context.spec)} on {session.place}"

    def _failure(
        self, place: str, completed: Completed, verdict: Verdict, found: Schema
    ) -> TransientError | PermanentError:
        on = f"{self.context.spec.persistence.database} on {place}"
        return schema_errors.failure(on, self._wanted, completed, verdict, found)

    def _result(self, effect: str, verdict: Verdict) -> StepResult:
        name, made = self.context.spec.persistence.database, self.intents.all()
        summary = f"the persistence schema of {name} is at revision {verdict.revision}"
        if self._repaired:
            summary += f"; it was half-applied, fixed by: {'; '.join(self._repaired)}"
        remark = self._wanted.remark
        warnings = [f"{remark}."] if self._wanted.is_assumed else []
        warnings += [f"{one}: left as it is" for one in verdict.remarks]
        if self._wanted.without_migrations and effect == CHANGED:
            summary += f"; {remark}"
        if verdict.state is State.AHEAD:
            summary += f", and that of taskflow here is {self._wanted.head}"
            warnings.append(UPGRADE_OCTAVIA)
        return StepResult(CHANGED if made else effect, summary, tuple(warnings), made)

    def _look_at_file(self) -> Seen:
        url = self.context.spec.persistence
        if url.database in (None, "", ":memory:"):
            note = "Nothing is kept in it: amphorav2 can't resume anything."
            in_memory = "the database is in memory"
            return Seen(StepResult(NOT_APPLICABLE, in_memory, (note,)))
        path, conf = Path(url.database or ""), self.context.host.config_file
        if sqlite_file.look_at_file(path).tables >= schemas.TABLES:
            closed = ownership.closed_to_octavia(path, conf)
            return Seen(StepResult(UNCHANGED, f"the tables are in {path}", closed))
        change = replace(
            schema_upgrade.change(self.context, self._wanted),
            act=partial(self._make_in_file, path),
        )
        return Seen(StepResult(CHANGED, f"made the tables in {path}"), (change,))

    def _make_in_file(self, path: Path) -> None:
        url, conf = self.context.spec.persistence, self.context.host.config_file
        timeout = self.context.host.db_manage_timeout
        with sqlite_file.folder_locked(path.parent, timeout, self.context.cancelled):
            ownership.make_file(path, conf)
            with sqlite_file.writable(path, self.context.host.state_path) as made:
                completed = schema_upgrade.by_octavia(
                    self.context, replace(url, database=str(made))
                )
            found = sqlite_file.look_at_file(path)
        if not found.tables >= schemas.TABLES:
            verdict = Verdict(State.HALF if found.own else State.ABSENT)
            raise self._failure(str(path), completed, verdict, found)

    def conclude(self, seen: Seen) -> StepResult:
        """Of a SQLite file."""
        if not seen.changes:
            return seen.result
        path = Path(self.context.spec.persistence.database or "")
        closed = ownership.closed_to_octavia(path, self.context.host.config_file)
        return replace(seen.result, warnings=closed)


def _is_repairable(verdict: Verdict) -> bool:
    return verdict.repair is not None and verdict.repair.certain
