# SPDX-License-Identifier: Apache-2.0
"""Accounts that let some logins of a user in, and not others.

All functions only look, and give full sentences with what to do. Errors are those
of :meth:`amphv2_bootstrap.adapters.mysql.sessions.Session.rows`.
"""

from collections.abc import Collection, Iterator

from amphv2_bootstrap.adapters.mysql import accounts as accounts
from amphv2_bootstrap.adapters.mysql.sessions import Session


def shadows(
    session: Session, user: str, database: str, hosts: Collection[str]
) -> Iterator[str]:
    """Accounts that the server takes before those of ``user`` at ``hosts``.

    It takes the one with the most specific host; the anonymous one of localhost,
    as MariaDB installs it, comes before ``user``'s of ``%``.
    """
    wanted = {*hosts, "%"}
    for one in accounts.accounts(session, ""):
        if one.host not in wanted:
            yield (
                f"The anonymous account {one} is taken before {user!r} for logins "
                f"from there: drop it, or add {one.host} to the grant hosts."
            )
    for one in accounts.accounts(session, user):
        if one.host not in wanted and not accounts.grants_of(
            session, one.user, one.host
        ).holds_all(database):
            yield (
                f"The account {one} is taken before the granted ones for logins from "
                f"there, and may not use {database}: add {one.host} to the grant "
                "hosts, or drop it."
            )


def other_passwords(
    session: Session, user: str, password: str, hosts: Collection[str]
) -> Iterator[str]:
    """Accounts of ``user`` that don't take the password which Octavia has.

    Those at ``hosts`` are left out: a wrong one there is an error. One whose
    password the server doesn't let us compare is passed over: a login
    is what proves it.
    """
    wrong = [
        one
        for one in accounts.accounts(session, user)
        if one.host not in hosts and one.accepts(password) is False
    ]
    if wrong:
        yield (
            f"{', '.join(map(str, wrong))} has another password than "
            "persistence_connection: Octavia can't log in where the server takes that "
            "account. Give all of them one password by ALTER USER, the one that "
            "Octavia's main database is used with too."
        )
