# SPDX-License-Identifier: Apache-2.0
"""Finds accounts that make the server refuse some logins of a user.

All functions only read, and give full sentences that say what to do. Errors are those
of :meth:`amphv2_bootstrap.adapters.mysql.sessions.Session.rows`.
"""

from collections.abc import Collection, Iterator

from amphv2_bootstrap.adapters.mysql import accounts
from amphv2_bootstrap.adapters.mysql.accounts import Account
from amphv2_bootstrap.adapters.mysql.sessions import Session


def shadows(
    session: Session, user: str, database: str, hosts: Collection[str]
) -> Iterator[str]:
    """Accounts that the server prefers to those of ``user`` at ``hosts``.

    The server chooses the account with the most specific host, so the anonymous one
    of localhost, which MariaDB installs, precedes ``user`` at ``%``.
    """
    wanted = {*hosts, "%"}
    for one in accounts.accounts(session, ""):
        if one.host not in wanted:
            yield (
                f"For logins from {one.host}, the server prefers the anonymous account "
                f"{one} to {user!r}: drop it, or add {one.host} to the grant hosts."
            )
    for one in accounts.accounts(session, user):
        if one.host not in wanted and not accounts.grants_of(
            session, one.user, one.host
        ).holds_all(database):
            yield (
                f"For logins from {one.host}, the server prefers the account {one} to "
                f"the granted ones, and it may not use {database}: add {one.host} to "
                "the grant hosts, or drop the account."
            )


def stands_in(session: Session, user: str, host: str) -> Account | None:
    """The account that serves logins from ``host``, and must go on to do so.

    The server would prefer a new account at that host, which would lack the other's
    rights on the whole server and its roles: with them Octavia reaches its main
    database, maybe. None if there is no such account, or no reason against a new one.
    """
    if any(one.host == host for one in accounts.accounts(session, "")):
        return None  # the server prefers the anonymous one already
    for one in accounts.accounts(session, user):
        if (
            one.covers(host)
            and accounts.grants_of(session, one.user, one.host).has_global
        ):
            return one
    return None


def other_passwords(
    session: Session, user: str, password: str, hosts: Collection[str]
) -> Iterator[str]:
    """Accounts of ``user`` that have a different password than Octavia.

    Omits accounts at ``hosts``, where other checks report an error, and accounts with
    a password that can't be compared, which only a login can prove.
    """
    wrong = [
        one
        for one in accounts.accounts(session, user)
        if one.host not in hosts and one.accepts(password) is False
    ]
    if wrong:
        yield (
            f"{', '.join(map(str, wrong))} has a different password than "
            "persistence_connection: Octavia can't log in where the server chooses "
            "that account. Give all of them one password by ALTER USER, the one that "
            "Octavia's main database uses too."
        )
