# SPDX-License-Identifier: Apache-2.0
"""Checks for what works now but may break later: warnings, no failures.

The checks ``configuration`` and ``key-value-backend`` give such warnings, too.
"""

from collections.abc import Iterator

from amphv2_bootstrap.adapters.host.stale_services import stale_services
from amphv2_bootstrap.adapters.mysql import account_traps, fitness, galera
from amphv2_bootstrap.adapters.mysql.sessions import Session
from amphv2_bootstrap.adapters.octavia import config_sources
from amphv2_bootstrap.checks.agreement import RESTART
from amphv2_bootstrap.checks.finding import OK, WARNING, Finding, of_database_server
from amphv2_bootstrap.spec.clocks import CLOCK_WARNING_SECONDS
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.controller.shutdown_time import shutdown_warnings
from amphv2_bootstrap.steps.target_database import admin, database_name

_CONNECTIONS = 4  # a load balancer that distributes them is seen


def services(context: Context) -> Iterator[Finding]:
    """None of this host runs with an older configuration, or is stopped too soon."""
    found = list(stale_services(context.host))
    for message in found:
        yield Finding("services", WARNING, message, RESTART)
    for message in shutdown_warnings(context):
        yield Finding("services", WARNING, message)
    if not found:
        yield Finding("services", OK, "none is known to need a restart")


@of_database_server()
def server_settings(context: Context) -> Iterator[Finding]:
    """The database server can take all that Octavia's tasks will write."""
    with admin(context) as session:
        database = database_name(context.spec)
        files = config_sources.files(context.host)
        found = [*fitness.traps(session, database, files), *galera.traps(session)]
        place, offset = session.place, fitness.clock_offset(session)
    found += galera.several(_connections(context))
    for message in found:
        yield Finding("server-settings", WARNING, message)
    if abs(offset) > CLOCK_WARNING_SECONDS:
        message = f"the clock of {place} is {offset:+.1f} s from this host's"
        yield Finding("server-settings", WARNING, message, "Set both by NTP.")
    elif not found:
        yield Finding("server-settings", OK, f"{place} is fit for large load balancers")


def _connections(context: Context) -> Iterator[Session]:
    for _ in range(_CONNECTIONS):
        with admin(context) as session:
            yield session


@of_database_server()
def other_accounts(context: Context) -> Iterator[Finding]:
    """The server takes no other account for logins that are meant for Octavia's."""
    user = str(context.spec.persistence.username)
    hosts, database = context.spec.account_hosts, database_name(context.spec)
    password = context.secrets.text("persistence_password") or ""
    with admin(context) as session:
        found = [
            *account_traps.shadows(session, user, database, hosts),
            *account_traps.other_passwords(session, user, password, hosts),
        ]
    for message in found:
        yield Finding("other-accounts", WARNING, message)
    if not found:
        yield Finding("other-accounts", OK, f"none stands in the way of {user!r}")
