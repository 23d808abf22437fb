# SPDX-License-Identifier: Apache-2.0
"""Load balancers in PENDING, and their jobs on Octavia's jobboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from amphv2_bootstrap.adapters.octavia import canary
from amphv2_bootstrap.adapters.octavia.canary import BoardJob
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps import main_database
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import obstacle

REPAIR = (
    "Octavia's API refuses to change a load balancer in PENDING. Where no "
    "octavia-worker's log shows work on it, set its provisioning_status to ERROR in "
    "Octavia's main database (table load_balancer); then run 'openstack loadbalancer "
    "failover ID', or 'openstack loadbalancer delete --cascade ID'."
)
"""No release from 7 to 19 has a command that resets the status."""

_MOST = 10
# Octavia writes these times in UTC, by the clock of its controllers. Its worker also
# changes updated_at while it works, so that a load balancer seems younger.
_PENDING = """\
SELECT id, provisioning_status, provider, COALESCE(updated_at, created_at),
 TIMESTAMPDIFF(SECOND, COALESCE(updated_at, created_at), UTC_TIMESTAMP())
 FROM load_balancer
 WHERE provisioning_status IN ('PENDING_CREATE', 'PENDING_UPDATE', 'PENDING_DELETE')
 ORDER BY id"""


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """One in PENDING, and when its row was last changed (UTC), ``seconds`` ago.

    Both are None where Octavia has never noted it.
    """

    id: str
    status: str
    provider: str | None
    since: datetime | None
    seconds: int | None

    def is_old(self, minutes: float) -> bool:
        return self.seconds is None or self.seconds > minutes * 60

    def __str__(self) -> str:
        since = "an unknown time" if self.since is None else f"{self.since} UTC"
        return f"{self.id} ({self.status} since {since})"


def pending(context: Context) -> tuple[LoadBalancer, ...] | None:
    """Those of Octavia's main database, read by Octavia's own account.

    None where ``[database] connection`` names no MySQL or MariaDB.

    :raises DatabaseRefusalError: the login or the query was refused.
    :raises DatabaseTroubleError: the server can't be reached.
    :raises CancelledError: the step was cancelled.
    """
    login = main_database.login(context)
    if login is None:
        return None
    with login.session(context) as session:
        return tuple(LoadBalancer(*row) for row in session.rows(_PENDING))


def jobs(context: Context, sources: Sequence[str]) -> Mapping[str, BoardJob]:
    """The jobs on Octavia's jobboard, by the ids of their load balancers.

    :param sources: the configuration with the jobboard.
    :raises PermanentError: they can't be read from here.
    :raises TransientError: a server is away.
    :raises CancelledError: the step was cancelled.
    """
    found, python = obstacle(context), interpreter_of(context.host)
    if found or python is None:
        why, todo = found or ("", "")
        raise PermanentError("read Octavia's jobboard", why=why, todo=todo)
    return canary.jobs_of_load_balancers(
        python,
        sources,
        masker=context.secrets.masker,
        cancelled=context.cancelled,
    )


def named(found: Sequence[object]) -> str:
    """The first ten in one line, and how many more there are."""
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    text = ", ".join(map(str, found[:_MOST])) + more
    return "".join(filter(str.isprintable, text))  # a server may answer anything
