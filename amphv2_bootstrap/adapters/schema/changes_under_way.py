# SPDX-License-Identifier: Apache-2.0
"""Waiting for statements that change tables, also for those of dead clients.

The server carries a statement out to its end when its client is killed. Meanwhile
information_schema lacks the table, and no error says so: a table that is being
renamed is not listed, and a session that holds a lock, GET_LOCK's included, does not
wait for a table: MariaDB skips it with warning 1684.
"""

import time
from collections.abc import Iterable

from amphv2_bootstrap.adapters.mysql.errors import (
    NO_SUCH_TABLE,
    TABLE_SKIPPED,
    DatabaseTroubleError,
)
from amphv2_bootstrap.adapters.mysql.sessions import Name, Row, Session
from amphv2_bootstrap.errors import TransientError
from amphv2_bootstrap.spec.server_errors.mysql import LOCK_WAIT_TIMEOUT

_POLL_SECONDS = 0.1
_SHOWN_WORDS = 3
# Without the privilege PROCESS, these are the statements of the own account.
_STATEMENTS = (
    "SELECT ID, LEFT(INFO, 200) FROM information_schema.PROCESSLIST"
    " WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND INFO REGEXP"
    " '^[[:space:]]*(ALTER|CREATE|DROP|RENAME|TRUNCATE)[[:space:]]' ORDER BY ID"
)


def wait_for_changes(session: Session, tables: Iterable[str], deadline: float) -> None:
    """Wait until no statement changes a table of the session's database.

    :param tables: names that are waited for whoever changes them; the statements of
        other accounts may be invisible.
    :param deadline: on the monotonic clock, for the statements that are visible. For
        each of ``tables`` the session's ``lock_wait_timeout`` holds.
    :raises TransientError: a statement has not ended in time.
    :raises CancelledError: the session's step was cancelled.
    """
    while found := session.rows(_STATEMENTS):
        number, statement = found[0]
        words = " ".join(str(statement).split()[:_SHOWN_WORDS])
        if time.monotonic() > deadline:
            raise still_changing(
                session, f"connection {number} has not ended its {words}"
            )
        session.pause(_POLL_SECONDS)
    for table in tables:
        _wait_for_table(session, table)


def _wait_for_table(session: Session, table: str) -> None:
    """Open it by name: that waits for a change, also where it is not listed."""
    query = "SELECT EXISTS (SELECT 1 FROM %s)"
    try:
        session.done(query, Name(table), unless=(NO_SUCH_TABLE,))
    except DatabaseTroubleError as exc:
        if exc.code != LOCK_WAIT_TIMEOUT:
            raise
        why = f"another connection keeps the table {table} locked"
        raise still_changing(session, why) from exc


def catalogue_rows(
    session: Session, deadline: float, query: str, *args: object
) -> list[Row]:
    """The rows of a query of information_schema, none of its tables skipped.

    :param deadline: on the monotonic clock.
    :raises TransientError: a table is still skipped then.
    :raises CancelledError: the session's step was cancelled.
    """
    while True:
        rows = session.rows(query, *args)
        warnings = session.rows("SHOW WARNINGS")
        skipped = [str(text) for _, code, text in warnings if code == TABLE_SKIPPED]
        if not skipped:
            return rows
        if time.monotonic() > deadline:
            raise still_changing(session, skipped[0])
        session.pause(_POLL_SECONDS)


def still_changing(session: Session, why: str) -> TransientError:
    """The error when the tables do not come to rest in time."""
    return TransientError(
        "look at the persistence schema",
        on=session.place,
        why=why,
        todo=(
            "Is an octavia-db-manage or a backup at work? Wait for its end; SHOW FULL "
            "PROCESSLIST shows it, also where its client is dead."
        ),
    )
