# SPDX-License-Identifier: Apache-2.0
"""The sessions of steps on the target's database server."""

from contextlib import AbstractContextManager

from amphv2_bootstrap.adapters.mysql import account_state, sessions
from amphv2_bootstrap.adapters.mysql import accounts as accounts
from amphv2_bootstrap.adapters.mysql.account_login import Logins, try_logins
from amphv2_bootstrap.adapters.mysql.account_traps import stands_in
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.steps.base import Context


def admin(context: Context) -> AbstractContextManager[sessions.Session]:
    """A session as the administrator; for errors see :func:`sessions.session`."""
    return sessions.session(
        context.host.admin,
        context.secrets.text("admin_password"),
        masker=context.secrets.masker,
        cancelled=context.cancelled,
    )


def account(context: Context) -> AbstractContextManager[sessions.Session]:
    """A session as Octavia's persistence account, in the wanted database."""
    return sessions.session(
        context.host.on_host(context.spec).persistence,
        context.secrets.text("persistence_password"),
        masker=context.secrets.masker,
        database=database_name(context.spec),
        cancelled=context.cancelled,
    )


def logins(context: Context, session: sessions.Session, password: str) -> Logins:
    """Log in as Octavia's account; see :func:`account_login.try_logins`.

    :param session: of the administrator.
    """
    return try_logins(
        context.host.on_host(context.spec).persistence,
        password,
        context.host.admin,
        session,
        masker=context.secrets.masker,
    )


def account_remarks(
    context: Context, session: sessions.Session
) -> tuple[list[str], list[str]]:
    """What closes existing accounts to Octavia, and what may; full sentences.

    :param session: of the administrator.
    """
    closed: list[str] = []
    doubtful: list[str] = []
    protection = tls.meaning(context.spec.persistence.query)
    for one in accounts.accounts(session, context.spec.persistence.username or ""):
        if one.host in context.spec.account_hosts:
            state = account_state.state_of(session, one)
            closed += account_state.obstacles(one, state, protection)
            doubtful += account_state.doubts(one, state, protection)
    return closed, doubtful


def unserved_hosts(context: Context, session: sessions.Session) -> list[str]:
    """Grant hosts where no account may be made, and none gets the rights; sentences.

    :param session: of the administrator.
    """
    user, hosts = context.spec.persistence.username or "", context.spec.account_hosts
    there = {one.host for one in accounts.accounts(session, user)}
    found = []
    for host in hosts:
        other = None if host in there else stands_in(session, user, host)
        if other is not None and other.host not in hosts:
            found.append(
                f"{not_made(user, host, other)} But {other.host} isn't among the "
                f"grant hosts. Add {other.host} to [octavia] grant_hosts on all "
                "controllers, and post the job anew; or create the account with the "
                f"rights of {other}."
            )
    return found


def not_made(user: str, host: str, other: accounts.Account) -> str:
    """Why no account is made at a host that ``other`` serves, in two sentences."""
    return (
        f"'{user}'@'{host}' is not made: the server would prefer it to {other}, "
        "and it would lack that one's rights on the whole server (*.*) or roles, for "
        f"Octavia's main database too. Logins from {host} use {other}."
    )


def database_name(spec: Spec) -> str:
    """The wanted database's name.

    :raises PermanentError: the specification names no database.
    """
    if not spec.persistence.database:
        raise PermanentError(
            "read the wanted persistence_connection",
            why="it names no database",
            todo="Append /octavia_persistence, or the name you want.",
        )
    return spec.persistence.database
