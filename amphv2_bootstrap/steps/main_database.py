# SPDX-License-Identifier: Apache-2.0
"""Octavia's main database, which new accounts of its user must not close to it."""

import contextlib
from dataclasses import dataclass, replace

from amphv2_bootstrap.adapters.mysql import sessions
from amphv2_bootstrap.adapters.mysql.database_url import parse
from amphv2_bootstrap.adapters.octavia import config_sources
from amphv2_bootstrap.errors import BootstrapError, CancelledError, TransientError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import on_host
from amphv2_bootstrap.spec.secret import Secret
from amphv2_bootstrap.steps.base import Context


@dataclass(frozen=True, slots=True)
class Access:
    """What a login as Octavia logs in to its main database gave.

    ``account`` is the one that the server chose, empty if it refused the login; then
    ``why`` says the reason; ``trouble`` is set where the server wasn't reached.
    ``rights`` has a text for each table and right in force.
    """

    account: str = ""
    rights: frozenset[str] = frozenset()
    why: str = ""
    trouble: TransientError | None = None

    def lost(self, later: "Access") -> str:
        """What Octavia can't do any more, as a clause; empty if it lost nothing.

        :raises TransientError: the later login didn't reach the server.
        """
        if not self.account:
            return ""
        if later.trouble:
            raise later.trouble
        if not later.account:
            return f"Octavia's login to its main database is refused ({later.why})"
        gone = sorted(self.rights - later.rights)
        if not gone:
            return ""
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        return (
            f"Octavia, now as {later.account} instead of {self.account}, lacks "
            f"{gone[0]}{more} in its main database"
        )


def look(context: Context) -> Access | None:
    """Log in by ``[database] connection``, as this host's Octavia loads it.

    None if that has another user than persistence_connection, or can't be read here:
    then new accounts of persistence_connection's user don't matter to it.

    :raises CancelledError: the step was cancelled.
    """
    found = login(context)
    if found is None or found.url.username != context.spec.persistence.username:
        return None
    try:
        with found.session(context) as session:
            account = str(session.value("SELECT CURRENT_USER()"))
            return Access(account, _rights(session))
    except CancelledError:
        raise
    except BootstrapError as exc:
        trouble = exc if isinstance(exc, TransientError) else None
        return Access(why=exc.why, trouble=trouble)


@dataclass(frozen=True, slots=True)
class Login:
    """What Octavia logs in with; its paths are those of this host."""

    url: DatabaseUrl
    password: Secret | None

    def session(
        self, context: Context
    ) -> contextlib.AbstractContextManager[sessions.Session]:
        """See :func:`.sessions.session` for its errors."""
        return sessions.session(
            self.url,
            self.password.reveal() if self.password else None,
            masker=context.secrets.masker,
            database=self.url.database,
            cancelled=context.cancelled,
        )


def login(context: Context) -> Login | None:
    """By ``[database] connection``, as this host's Octavia loads it.

    None if it names no MySQL or MariaDB, or can't be read here.
    """
    files = config_sources.files(context.host)
    try:
        url, password = parse(config_sources.main_connection(files))
    except ValueError:
        return None
    if not url.is_mysql or url.refused_arguments:
        return None
    paths = {
        name: on_host(value, context.host.host_paths)
        for name, value in url.query.items()
    }
    secret = None if password is None else Secret(password)
    return Login(replace(url, query=paths), secret)


def _rights(session: sessions.Session) -> frozenset[str]:
    """The rights on columns: of this login, from whatever account or role they are."""
    rows = session.rows(
        "SELECT DISTINCT TABLE_NAME, PRIVILEGES FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE()"
    )
    return frozenset(
        f"{right.upper()} on {table}"
        for table, rights in rows
        for right in str(rights).split(",")
        if right
    )
