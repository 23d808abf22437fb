# SPDX-License-Identifier: Apache-2.0
"""``ensure-database-accounts``: Octavia's accounts and their grants."""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial

from amphv2_bootstrap.adapters.mysql import accounts as accounts
from amphv2_bootstrap.adapters.mysql.account_login import Logins
from amphv2_bootstrap.adapters.mysql.account_traps import (
    other_passwords,
    shadows,
    stands_in,
)
from amphv2_bootstrap.adapters.mysql.accounts import Account
from amphv2_bootstrap.adapters.mysql.sessions import Session
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps import main_database
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
from amphv2_bootstrap.steps.main_database import Access
from amphv2_bootstrap.steps.target_database import (
    account_remarks,
    admin,
    database_name,
    logins,
    not_made,
    unserved_hosts,
)

_ATTEMPTED = "ensure the database accounts"


class EnsureDatabaseAccounts(Step):
    """One account for each grant host, with all privileges on the database.

    An existing account keeps its password, because Octavia's main database is often
    used with the same account. If the wanted password differs, the step fails.
    """

    atom_name = "ensure-database-accounts"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._changed = False  # set by failed attempts, too
        self._main: Access | None = None  # before the first attempt

    @property
    def aim(self) -> str:
        spec = self.context.spec
        if spec.persistence.is_sqlite:
            return "nothing: SQLite has no accounts"
        names = ", ".join(f"'{self._user}'@'{host}'" for host in spec.account_hosts)
        return (
            f"create {names} where missing, with all privileges on "
            f"{database_name(spec)}; never change a password"
        )

    def look(self, ahead: Collection[str] = ()) -> Seen:
        if self.context.spec.persistence.is_sqlite:
            return Seen(StepResult(NOT_APPLICABLE, "SQLite has no accounts"))
        with admin(self.context) as session:
            there = {one.host: one for one in accounts.accounts(session, self._user)}
            self._refuse_other_passwords(there, session.place)
            closed, doubts = account_remarks(self.context, session)
            if closed:
                raise self._closed(closed, session.place)
            served = self._served(session, there)
            lost = {*self.context.spec.account_hosts} - {*there, *served}
            if self._main is None and lost:
                self._main = main_database.look(self.context)
            changes = tuple(self._changes(session, {*there}, {*served}))
        notes = (*doubts, *(not_made(self._user, *one) for one in served.items()))
        hosts = ", ".join(self.context.spec.account_hosts)
        summary = f"{self._user} may use {self._database} from {hosts}"
        return Seen(StepResult(UNCHANGED, summary, notes), changes)

    def _changes(
        self, session: Session, there: set[str], served: set[str]
    ) -> Iterator[Change]:
        user, name = self._user, self._database
        for host in self.context.spec.account_hosts:
            steps = []
            if host not in there | served:
                made = accounts.creation(session, user, host, self._password)
                steps = [(made, self._create)]
            if host not in served and not (
                host in there
                and accounts.grants_of(session, user, host).holds_all(name)
            ):
                steps.append((accounts.grant(name, user, host), self._grant))
            for statement, act in steps:
                text = str(statement)
                yield Change(Kind.SQL, session.place, text, partial(act, host))

    def conclude(self, seen: Seen) -> StepResult:
        """Log in as Octavia will, unless what was made would close its main database.

        :raises PermanentError: the login is refused.
        """
        if self.context.spec.persistence.is_sqlite:
            return seen.result
        with admin(self.context) as session:
            if self._main is not None and self._main.account:
                self._keep_main_database(self._main, session.place)
            tried = self._log_in(session)
            warnings = (
                *seen.result.warnings,
                *self._unproven(session, tried),
                *self._shadows(session),
                *other_passwords(
                    session, self._user, self._password, self.context.spec.account_hosts
                ),
            )
        made = self.intents.all()
        effect = CHANGED if made or self._changed else UNCHANGED
        return replace(seen.result, effect=effect, warnings=warnings, made=made)

    def undo(self, result: StepResult) -> None:
        """Revoke the grants and drop the accounts that this step made."""
        with admin(self.context) as session:
            for made in reversed(result.made):
                kind, _, account = made.partition(":")
                user, _, host = account.rpartition("@")
                host = host.lower()  # older releases noted the configured spelling
                if host not in {a.host for a in accounts.accounts(session, user)}:
                    continue
                if kind == "grant":
                    accounts.revoke_all(session, self._database, user, host)
                elif accounts.grants_of(session, user, host).is_empty:
                    accounts.drop_account(session, user, host)

    @property
    def _database(self) -> str:
        return database_name(self.context.spec)

    @property
    def _user(self) -> str:
        user = self.context.spec.persistence.username
        if not user:
            raise PermanentError(
                "read the wanted persistence_connection",
                why="it names no user",
                todo="Write it as mysql+pymysql://user:password@host/database.",
            )
        return user

    @property
    def _password(self) -> str:
        password = self.context.secrets.text("persistence_password")
        if not password:
            raise PermanentError(
                "read the wanted persistence_connection",
                why="it has no password",
                todo="Give the account a password: without one, anybody can log in.",
            )
        if not password.isascii():
            raise PermanentError(
                "read the wanted persistence_connection",
                why="its password has characters beyond ASCII, which PyMySQL and "
                "the server encode differently",
                todo="Choose a password of ASCII characters.",
            )
        return password

    def _keep_main_database(self, before: Access, place: str) -> None:
        after = main_database.look(self.context)
        lost = before.lost(after) if after else ""
        if not lost:
            return
        made = self.intents.all()
        self.undo(StepResult(CHANGED, "", made=made))
        for name in made:
            self.intents.remove(name)
        names = ", ".join(one.partition(":")[2] for one in made)
        raise PermanentError(
            _ATTEMPTED,
            on=f"{self._user} on {place}",
            why=f"with {names}, {lost}. What this step made is removed again",
            todo="Create the missing accounts with the rights that Octavia's main "
            "database needs, and resume the job; or choose [octavia] grant_hosts or "
            "a user name in persistence_connection that leaves them alone, and post "
            "the job anew.",
        )

    def _closed(self, closed: list[str], place: str) -> PermanentError:
        return PermanentError(
            _ATTEMPTED,
            on=f"{self._user} on {place}",
            why=" ".join(closed),
            todo="Nothing was made. Resume the job afterwards.",
        )

    def _refuse_other_passwords(self, there: dict[str, Account], place: str) -> None:
        """Before anything is made, refuse all accounts with a different password."""
        wrong = [
            there[host]
            for host in self.context.spec.account_hosts
            if host in there and there[host].accepts(self._password) is False
        ]
        if wrong:
            raise self._other_password(wrong, place)

    def _served(
        self, session: Session, there: dict[str, Account]
    ) -> dict[str, Account]:
        """By host, the account that stands in for a missing one; see :func:`stands_in`.

        :raises PermanentError: it gets no rights on the database, since it is at none
            of the grant hosts.
        """
        unserved = unserved_hosts(self.context, session)
        if unserved:
            raise self._closed(unserved, session.place)
        found = {
            host: stands_in(session, self._user, host)
            for host in self.context.spec.account_hosts
            if host not in there
        }
        return {host: other for host, other in found.items() if other is not None}

    def _other_password(self, wrong: list[Account], place: str) -> PermanentError:
        alter = "; ".join(f"ALTER USER {one} IDENTIFIED BY '...'" for one in wrong)
        names = ", ".join(map(str, wrong))
        return PermanentError(
            _ATTEMPTED,
            on=f"{names} on {place}",
            why="the account exists with another password; this program does not "
            "reset it, since Octavia's main database may be used with it",
            todo="Either put the account's password into persistence_connection on "
            "every controller and reload the conductors; or, if nothing else uses the "
            f"account, run {alter}. Then resume the job. Or cancel the job, and post "
            "it anew with another user name in persistence_connection.",
        )

    def _create(self, host: str) -> None:
        user, made = self._user, f"account:{self._user}@{host}"
        with admin(self.context) as session:
            with self.making(made):
                created = accounts.create_account(session, user, host, self._password)
            if not created:  # another client has just made it
                self.intents.remove(made)
                found = {one.host: one for one in accounts.accounts(session, user)}
                self._refuse_other_passwords(found, session.place)

    def _grant(self, host: str) -> None:
        with admin(self.context) as session, contextlib.ExitStack() as making:
            held = accounts.grants_of(session, self._user, host)
            # With earlier privileges, a revoke would take more than this step granted.
            if not held.has_own(self._database):
                making.enter_context(self.making(f"grant:{self._user}@{host}"))
            session.run(accounts.grant(self._database, self._user, host))
        self._changed = True

    def _log_in(self, session: Session) -> Logins:
        """Log in as Octavia will, and by the ways that reach the other accounts."""
        tried = logins(self.context, session, self._password)
        local = {one.host: one for one in accounts.accounts(session, self._user)}
        if tried.socket_refused and "localhost" in self.context.spec.account_hosts:
            raise self._other_password([local["localhost"]], session.place)
        if tried.refusal is not None:
            raise self._refused(tried.refusal.why, session)
        return tried

    def _refused(self, why: str, session: Session) -> PermanentError:
        shadows = " ".join(self._shadows(session))
        persistence = self.context.spec.persistence
        return PermanentError(
            "log in as Octavia will",
            on=f"{self._user} to {self._database} on {persistence.place}",
            why=why,
            todo=shadows
            or "Check that admin_connection leads to this server, that grant_hosts "
            "has this host, and that persistence_connection has the password of an "
            "account that existed before.",
        )

    def _unproven(self, session: Session, tried: Logins) -> tuple[str, ...]:
        """A warning for each older account with a password that can't be proven."""
        made = self.intents.all()
        return tuple(
            f"The password of {account} could not be proven: no login from here leads "
            f"to it, and {account.plugin} doesn't let passwords be compared."
            for account in accounts.accounts(session, self._user)
            if account.host in self.context.spec.account_hosts
            and f"account:{account.user}@{account.host}" not in made
            and account.accepts(self._password) is None
            and (account.user, account.host) not in tried.reached
        )

    def _shadows(self, session: Session) -> tuple[str, ...]:
        """Warnings about accounts that the server prefers to the granted ones."""
        hosts = self.context.spec.account_hosts
        return tuple(shadows(session, self._user, self._database, hosts))
