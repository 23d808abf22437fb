# SPDX-License-Identifier: Apache-2.0
"""A cancelled step stops its running statement in the server."""

import threading

import pytest

from amphv2_bootstrap.adapters.mysql import database_url, sessions
from amphv2_bootstrap.errors import CancelledError
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until

_SLEEP = "SELECT SLEEP(29) /* to be cancelled */"


def _running(mariadb: MariaDB) -> bool:
    rows = mariadb.execute("SELECT info FROM information_schema.processlist")
    return (_SLEEP,) in rows


def test_cancel_stops_the_statement_in_the_server(mariadb: MariaDB) -> None:
    """The caller gets CancelledError, and the server stops the statement."""
    url, password = database_url.parse(mariadb.root_url)
    cancelled = threading.Event()

    def cancel() -> None:
        wait_until(
            lambda: _running(mariadb),
            what="the statement runs",
            state=lambda: mariadb.execute("SHOW FULL PROCESSLIST"),
        )
        cancelled.set()

    threading.Thread(target=cancel).start()
    with (
        sessions.session(url, password, cancelled=cancelled) as session,
        pytest.raises(CancelledError, match="asked to stop"),
    ):
        session.rows(_SLEEP)
    assert not _running(mariadb)


def test_without_cancel_a_session_ends_as_ever(mariadb: MariaDB) -> None:
    """Without a cancellation, a session works as usual."""
    url, password = database_url.parse(mariadb.root_url)
    with sessions.session(url, password, cancelled=threading.Event()) as session:
        assert session.value("SELECT 1 + 1") == 2
