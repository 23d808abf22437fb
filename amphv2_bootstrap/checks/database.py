# SPDX-License-Identifier: Apache-2.0
"""Checks of the persistence database: logins, grants, tables."""

from collections.abc import Iterator

from amphv2_bootstrap.adapters.mysql import accounts as accounts
from amphv2_bootstrap.adapters.mysql.account_login import Logins
from amphv2_bootstrap.adapters.mysql.account_traps import stands_in
from amphv2_bootstrap.adapters.mysql.accounts import Account
from amphv2_bootstrap.adapters.mysql.grants import DATABASE_PRIVILEGES
from amphv2_bootstrap.adapters.mysql.sessions import Session
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.adapters.schema import persistence_schema
from amphv2_bootstrap.adapters.schema.revisions import OF_REVISION
from amphv2_bootstrap.adapters.schema.state import (
    UPGRADE_OCTAVIA,
    State,
    Verdict,
    classify,
)
from amphv2_bootstrap.adapters.schema.wanted_chain import wanted_chain
from amphv2_bootstrap.checks.finding import (
    FAILED,
    OK,
    WARNING,
    Finding,
    of_database_server,
)
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.target_database import (
    account,
    account_remarks,
    admin,
    database_name,
    logins,
)

_FIX = "'amphv2-bootstrap post-job' fixes it, or says what it can't fix."


@of_database_server(WARNING)
def database(context: Context) -> Iterator[Finding]:
    """Octavia can log in to every account, as far as that can be tried from here."""
    yield from _own_login(context)
    with admin(context) as session:
        yield from _accounts(context, session)


def _own_login(context: Context) -> Iterator[Finding]:
    """The login by persistence_connection itself."""
    try:
        with account(context) as session:
            who = session.value("SELECT CURRENT_USER()")
            message = f"{who} may enter {database_name(context.spec)}"
            protection = tls.meaning(context.spec.persistence.query).words
            yield Finding("database", OK, f"{message} on {session.place}{protection}")
    except BootstrapError as exc:
        yield Finding.of("database", exc)


def _accounts(context: Context, session: Session) -> Iterator[Finding]:
    user = str(context.spec.persistence.username)
    there = {one.host: one for one in accounts.accounts(session, user)}
    password = context.secrets.text("persistence_password") or ""
    closed, doubtful = account_remarks(context, session)
    for message in closed:
        yield Finding("database", FAILED, message)
    for message in doubtful:
        yield Finding("database", WARNING, message)
    tried = logins(context, session, password)
    for host in context.spec.account_hosts:
        if host in there:
            yield _password_of(there[host], password, tried)
        elif other := stands_in(session, user, host):
            yield Finding("database", OK, f"{other} serves logins from {host}, too")
        else:
            message = f"the account '{user}'@'{host}' is not there"
            yield Finding("database", FAILED, message, _FIX)


def _password_of(one: Account, password: str, tried: Logins) -> Finding:
    if (one.user, one.host) in tried.reached:
        return Finding("database", OK, f"the password of {one} is right: logged in")
    accepts = one.accepts(password)
    if accepts:
        return Finding("database", OK, f"the password of {one} is right: compared")
    if accepts is False or (tried.socket_refused and one.host == "localhost"):
        return Finding(
            "database",
            FAILED,
            f"the account {one} has another password than persistence_connection",
            "Put the account's password there; or, if nothing else uses the account, "
            f"run ALTER USER {one} IDENTIFIED BY '...'",
        )
    return Finding(
        "database",
        WARNING,
        f"the password of {one} could not be proven: no login from here leads to it, "
        f"and {one.plugin} doesn't let passwords be compared",
        "Run 'amphv2-bootstrap verify' on the other controllers, too.",
    )


@of_database_server()
def grants(context: Context) -> Iterator[Finding]:
    """Each account has the privileges that Octavia and its migrations need."""
    user, name = str(context.spec.persistence.username), database_name(context.spec)
    with admin(context) as session:
        there = {one.host for one in accounts.accounts(session, user)}
        for host in context.spec.account_hosts:
            if host in there:
                yield _grants_of(session, name, user, host)


def _grants_of(session: Session, name: str, user: str, host: str) -> Finding:
    held = accounts.grants_of(session, user, host)
    lacks = [one for one in DATABASE_PRIVILEGES if not held.holds(one, name)]
    who = f"'{user}'@'{host}'"
    if not lacks:
        return Finding("grants", OK, f"{who} may do everything with {name}")
    what = "everything" if len(lacks) == len(DATABASE_PRIVILEGES) else ", ".join(lacks)
    return Finding("grants", FAILED, f"{who} lacks {what} on {name}", _FIX)


@of_database_server()
def schema(context: Context) -> Iterator[Finding]:
    """The tables are whole, at the newest revision of Octavia's taskflow."""
    wanted = wanted_chain(interpreter_of(context.host))
    if wanted.is_assumed:
        yield Finding("schema", WARNING, wanted.remark)
    with account(context) as session:
        found = persistence_schema.look(session, rows=False)
    verdict = classify(found, wanted.revisions)
    if wanted.is_assumed and verdict.state is State.BEHIND and found.is_of_a_release():
        message = f"the tables are whole, at revision {verdict.revision}"
        todo = f"Octavia's taskflow must be of that revision: {OF_REVISION}."
        yield Finding("schema", WARNING, message, todo)
        return
    yield _judged(verdict, wanted.head)


def _judged(verdict: Verdict, head: str) -> Finding:
    if verdict.state is State.HEAD:
        more = f"; also: {', '.join(verdict.remarks)}" if verdict.remarks else ""
        return Finding("schema", OK, f"the tables are whole, at revision {head}{more}")
    message = f"the schema is {verdict}; Octavia's taskflow wants revision {head}"
    if verdict.state is State.AHEAD:
        more = "".join(f"; {remark}" for remark in verdict.remarks)
        return Finding("schema", WARNING, message + more, UPGRADE_OCTAVIA)
    if verdict.state is State.FOREIGN:
        todo = "Give taskflow's persistence a database of its own, or fix it by hand."
        return Finding("schema", FAILED, message, todo)
    return Finding("schema", FAILED, message, _FIX)
