# SPDX-License-Identifier: Apache-2.0
"""Accounts of MariaDB and MySQL, and their privileges."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from amphv2_bootstrap.adapters.mysql.errors import (
    ACCOUNT_FAILED,
    NO_SUCH_GRANT,
    PASSWORD_REFUSED,
    DatabaseRefusalError,
)
from amphv2_bootstrap.adapters.mysql.grants import (
    DATABASE_PRIVILEGES,
    Grants,
    like,
    parse_grants,
)
from amphv2_bootstrap.adapters.mysql.sessions import (
    GrantName,
    Row,
    Session,
    Statement,
)
from amphv2_bootstrap.spec.secret import Secret

NATIVE = "mysql_native_password"
_CONTEXTS = {"Databases", "Tables", "Functions", "Procedures"}
_FORMER_NAMES = {"DELETE VERSIONING ROWS": "DELETE HISTORY"}  # MariaDB 10.3


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

    def covers(self, host: str) -> bool:
        """Whether it is for all clients of an account at that host, and more."""
        return host != self.host and bool(like(self.host).fullmatch(host))

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


def creation(session: Session, user: str, host: str, password: str) -> Statement:
    """The CREATE USER of :func:`create_account`.

    MariaDB logs statements unmasked, so it gets the password's digest.
    """
    if session.server().is_mariadb:
        return _creation(user, host, "PASSWORD %s", native_digest(password))
    return _creation(user, host, "%s", password)


def create_account(session: Session, user: str, host: str, password: str) -> bool:
    """CREATE USER; False if the account exists already.

    A server with a password policy that demands the password itself gets that.
    """
    statement = creation(session, user, host, password)
    try:
        return session.run(statement, unless=(ACCOUNT_FAILED,))
    except DatabaseRefusalError as exc:
        if exc.code not in PASSWORD_REFUSED or not session.server().is_mariadb:
            raise
    return session.run(_creation(user, host, "%s", password), unless=(ACCOUNT_FAILED,))


def _creation(user: str, host: str, form: str, secret: str) -> Statement:
    sql = f"CREATE USER %s@%s IDENTIFIED BY {form}"
    return Statement(sql, (user, host, Secret(secret)))


def grant(database: str, user: str, host: str) -> Statement:
    """GRANT ALL on that database only; safe to run twice."""
    sql = "GRANT ALL PRIVILEGES ON %s.* TO %s@%s"
    return Statement(sql, (GrantName(database), user, host))


def revoke_all(session: Session, database: str, user: str, host: str) -> None:
    """Revoke what :func:`grant` gives; safe to run twice."""
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
