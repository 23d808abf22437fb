# SPDX-License-Identifier: Apache-2.0
"""Accounts of MariaDB and MySQL, and their privileges."""

import contextlib
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from amphv2_bootstrap.adapters.mysql.errors import (
    ACCOUNT_FAILED,
    NO_SUCH_GRANT,
    PASSWORD_REFUSED,
    DatabaseRefusalError,
)
from amphv2_bootstrap.adapters.mysql.sessions import GrantName, Row, Session

NATIVE = "mysql_native_password"
DATABASE_PRIVILEGES = (
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "EXECUTE",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EVENT",
    "TRIGGER",
)
"""What ALL PRIVILEGES on a database includes on every supported server."""

_CONTEXTS = {"Databases", "Tables", "Functions", "Procedures"}
_FORMER_NAMES = {"DELETE VERSIONING ROWS": "DELETE HISTORY"}  # MariaDB 10.3

_IDENTIFIER = r"\*|`(?:[^`]|``)*`"
_GRANT = re.compile(
    rf"(?P<verb>GRANT|REVOKE) (?P<privileges>.+?) ON "
    rf"(?P<database>{_IDENTIFIER})\.(?P<table>{_IDENTIFIER}) (?:TO|FROM) (?P<rest>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of SHOW GRANTS on a whole database, or (``%``) on the whole server."""

    pattern: str
    privileges: frozenset[str]
    may_grant: bool = False
    revoked: bool = False
    grantee: str = ""

    @property
    def is_global(self) -> bool:
        return self.pattern == "%"

    @property
    def specificity(self) -> float:
        """As the server sorts grants on databases: the text before a wildcard."""
        literal = re.match(r"(?:\\.|[^%_\\])*", self.pattern)
        assert literal is not None  # noqa: S101 - it may be empty
        is_exact = literal.end() == len(self.pattern)
        return float("inf") if is_exact else literal.end()

    def reaches(self, database: str) -> bool:
        return self.is_global or bool(_like(self.pattern).fullmatch(database))

    def gives(self, privilege: str) -> bool:
        return bool({privilege, "ALL PRIVILEGES"} & self.privileges)


@dataclass(frozen=True, slots=True)
class Grants:
    """The privileges of an account on whole databases and on the server.

    ``has_others``: SHOW GRANTS has more than ``entries``. ``folds_names``: the server
    stores and compares the names of databases in lower case.
    """

    entries: tuple[Grant, ...]
    has_others: bool = False
    folds_names: bool = False

    def holds(self, privilege: str, database: str) -> bool:
        """Whether the account has the privilege on that whole database."""
        # A partial revoke (MySQL 8) removes a global privilege for one database.
        taken = any(
            entry.revoked and privilege in entry.privileges
            for entry in self.entries
            if entry.reaches(self._stored(database))
        )
        return any(
            entry.gives(privilege) and not (taken and entry.is_global)
            for entry in self._deciding(database)
        )

    def _deciding(self, database: str) -> Iterator[Grant]:
        """The grants in force: the global ones, and the most specific that fits.

        https://dev.mysql.com/doc/refman/8.4/en/request-access.html
        """
        name = self._stored(database)
        best: dict[str, Grant] = {}
        for entry in self.entries:
            if entry.revoked or not entry.reaches(name):
                continue
            if entry.is_global:
                yield entry
                continue
            other = best.setdefault(entry.grantee, entry)
            if entry.specificity > other.specificity:
                best[entry.grantee] = entry
        yield from best.values()

    def holds_globally(self, privilege: str) -> bool:
        """Whether the account has the privilege on the whole server."""
        return any(
            entry.is_global and not entry.revoked and entry.gives(privilege)
            for entry in self.entries
        )

    def may_grant(self, database: str) -> bool:
        """Whether the account may grant its privileges on that database."""
        return any(entry.may_grant for entry in self._deciding(database))

    def holds_all(self, database: str) -> bool:
        """Whether the account has every privilege on that database."""
        return all(self.holds(one, database) for one in DATABASE_PRIVILEGES)

    def has_own(self, database: str) -> bool:
        """Whether there is a grant on exactly this database's escaped name."""
        escaped = re.sub(r"([\\_%])", r"\\\1", self._stored(database))
        return any(entry.pattern == escaped for entry in self.entries)

    @property
    def is_empty(self) -> bool:
        """Whether the account may only log in: it has no grant beside USAGE."""
        return not self.has_others and all(
            entry.privileges == {"USAGE"} and not entry.may_grant
            for entry in self.entries
        )

    def _stored(self, database: str) -> str:
        return database.lower() if self.folds_names else database


def parse_grants(lines: Iterable[str], *, folds_names: bool = False) -> Grants:
    """Read the SHOW GRANTS of MariaDB or MySQL.

    Of roles, proxies, and grants on single tables, columns and routines, the result
    only tells that there are some: a bootstrap doesn't use them.
    """
    entries, has_others = [], False
    for line in lines:
        found = _GRANT.match(line)
        if found is None or found["table"] != "*":
            has_others = True
            continue
        entries.append(
            Grant(
                pattern="%" if found["database"] == "*" else _plain(found["database"]),
                privileges=frozenset(
                    part.strip().upper() for part in found["privileges"].split(",")
                ),
                may_grant="WITH GRANT OPTION" in found["rest"].upper(),
                revoked=found["verb"] == "REVOKE",
                grantee=found["rest"].partition(" ")[0],
            )
        )
    return Grants(tuple(entries), has_others, folds_names)


def _plain(quoted: str) -> str:
    return quoted[1:-1].replace("``", "`")


def _like(pattern: str) -> re.Pattern[str]:
    """A SQL pattern as a regular expression."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile(
        "".join(wild.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL
    )


def database_privileges(session: Session) -> tuple[str, ...]:
    """What ALL PRIVILEGES on a database includes on this server.

    Its grantor must hold each of them, newer ones too.
    """
    found = [
        str(name).upper()
        for name, contexts, _ in session.rows("SHOW PRIVILEGES")
        if _CONTEXTS & set(str(contexts).split(","))
    ]
    names = [_FORMER_NAMES.get(name, name) for name in found if name != "GRANT OPTION"]
    return tuple(dict.fromkeys((*DATABASE_PRIVILEGES, *names)))


def own_grants(session: Session) -> Grants:
    """The privileges of the logged-in account, with its active roles."""
    rows = session.rows("SHOW GRANTS")
    if not session.server().is_mariadb:
        roles = session.value("SELECT CURRENT_ROLE()")
        if roles and roles != "NONE":  # the server quotes them
            rows += session.rows(f"SHOW GRANTS FOR CURRENT_USER USING {roles}")
    return _parsed(session, rows)


def grants_of(session: Session, user: str, host: str) -> Grants:
    """The privileges of an account; DatabaseRefusalError if it doesn't exist."""
    return _parsed(session, session.rows("SHOW GRANTS FOR %s@%s", user, host))


def _parsed(session: Session, rows: Iterable[Row]) -> Grants:
    folds_names = bool(session.value("SELECT @@lower_case_table_names"))
    return parse_grants((str(row[0]) for row in rows), folds_names=folds_names)


@dataclass(frozen=True, slots=True)
class Account:
    """An account. ``digest`` is its stored password, None if it can't be compared."""

    user: str
    host: str
    plugin: str
    digest: str | None

    def accepts(self, password: str) -> bool | None:
        """Whether the account has this password; None if that can't be compared."""
        if self.digest is None:
            return None
        return self.digest.upper() == native_digest(password)

    def __str__(self) -> str:
        return f"'{self.user}'@'{self.host}'"


def accounts(session: Session, user: str) -> tuple[Account, ...]:
    """All accounts of that user name, ``""`` for the anonymous ones."""
    digest, no_role = "authentication_string", ""
    if session.server().is_mariadb:  # before 10.4 the column is Password
        digest = "IF(authentication_string = '', Password, authentication_string)"
        no_role = " AND is_role = 'N'"
    rows = session.rows(
        f"SELECT Host, plugin, IF(plugin IN ('', %s), {digest}, '')"  # noqa: S608
        f" FROM mysql.user WHERE User = %s{no_role} ORDER BY Host",
        NATIVE,
        user,
    )
    return tuple(
        Account(user, _text(host), _text(plugin) or NATIVE, _digest(_text(stored)))
        for host, plugin, stored in rows
    )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _digest(stored: str) -> str | None:
    return stored if re.fullmatch(r"\*[0-9A-Fa-f]{40}", stored) else None


def native_digest(password: str) -> str:
    """What ``mysql_native_password`` stores for the bytes that PyMySQL sends."""
    once = hashlib.sha1(password.encode("latin-1"), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


def create_account(session: Session, user: str, host: str, password: str) -> bool:
    """CREATE USER; False if the account exists already.

    MariaDB logs statements unmasked, so it gets the password's digest, unless its
    password policy demands the password itself.
    """
    if session.server().is_mariadb:
        with contextlib.suppress(_PasswordPolicyError):
            return _create(session, user, host, "PASSWORD %s", native_digest(password))
    return _create(session, user, host, "%s", password)


class _PasswordPolicyError(Exception):
    """The password policy refuses a digest."""


def _create(session: Session, user: str, host: str, form: str, secret: str) -> bool:
    sql = f"CREATE USER %s@%s IDENTIFIED BY {form}"
    try:
        return session.done(sql, user, host, secret, unless=(ACCOUNT_FAILED,))
    except DatabaseRefusalError as exc:
        if exc.code in PASSWORD_REFUSED and form != "%s":
            raise _PasswordPolicyError from exc
        raise


def grant_all(session: Session, database: str, user: str, host: str) -> None:
    """GRANT ALL on that database only; safe to run twice."""
    session.rows(
        "GRANT ALL PRIVILEGES ON %s.* TO %s@%s", GrantName(database), user, host
    )


def revoke_all(session: Session, database: str, user: str, host: str) -> None:
    """Revoke the grant of :func:`grant_all`; safe to run twice."""
    session.done(
        "REVOKE ALL PRIVILEGES ON %s.* FROM %s@%s",
        GrantName(database),
        user,
        host,
        unless=(NO_SUCH_GRANT,),
    )


def drop_account(session: Session, user: str, host: str) -> None:
    """DROP USER; safe to run twice."""
    session.done("DROP USER %s@%s", user, host, unless=(ACCOUNT_FAILED,))
