# SPDX-License-Identifier: Apache-2.0
"""Named locks on a real server, and the sessions that hold them."""

from collections.abc import Iterator

import pytest

from amphv2_bootstrap.adapters.mysql import database_url, named_locks, sessions
from amphv2_bootstrap.adapters.mysql.errors import DatabaseTroubleError
from amphv2_bootstrap.adapters.mysql.sessions import Session
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until

LOCK = "amphv2-test:any"


@pytest.fixture
def session(mariadb: MariaDB) -> Iterator[Session]:
    url, password = database_url.parse(mariadb.root_url)
    with sessions.session(url, password) as session:
        yield session


def unexpected(holder: str) -> None:
    pytest.fail(f"waits, though the lock is free: {holder}")


def test_the_server_ends_an_idle_holder(session: Session) -> None:
    """A session that holds a lock tells the server to end it soon when it is idle."""
    with named_locks.held(session, LOCK, 0, unexpected) as acquired:
        assert acquired
        idle = session.value("SELECT @@SESSION.wait_timeout")
        assert idle == named_locks.IDLE_SECONDS
        assert session.value("SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", LOCK)
    assert session.value("SELECT IS_USED_LOCK(%s)", LOCK) is None


def test_the_holder_is_named(mariadb: MariaDB, session: Session) -> None:
    """The holder and its host are reported when the wait begins, and in the error.

    The error also says what to do.
    """
    waited: list[str] = []
    url, password = database_url.parse(mariadb.root_url)
    with (
        named_locks.held(session, LOCK, 0, unexpected),
        sessions.session(url, password) as other,
        pytest.raises(DatabaseTroubleError, match="ends by itself") as caught,
        named_locks.held(other, LOCK, 0, waited.append),
    ):
        pass
    number = session.value("SELECT CONNECTION_ID()")
    holder = f"connection {number} holds it (root from localhost:"
    assert caught.value.why.startswith(holder)
    assert [holder in text for text in waited] == [True]


def test_pings_while_another_program_works(
    mariadb: MariaDB, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that waits sends statements, and works afterwards."""
    monkeypatch.setattr(named_locks, "_PING_SECONDS", 0.01)
    mark = mariadb.mark()
    with named_locks.kept_open(session):
        wait_until(
            lambda: mariadb.statements(mark).count("DO 0") > 2, what="it is pinged"
        )
    assert session.value("SELECT 1") == 1


def test_a_session_that_ended_meanwhile(mariadb: MariaDB, session: Session) -> None:
    """Its next statement fails, since its locks are gone."""
    number = session.value("SELECT CONNECTION_ID()")
    with named_locks.kept_open(session):
        mariadb.execute(f"KILL {number}")
        wait_until(lambda: not _exists(mariadb, number), what="it has ended")
    with pytest.raises(DatabaseTroubleError):
        session.rows("SELECT 1")


def _exists(mariadb: MariaDB, number: int) -> bool:
    query = "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = %s"
    return bool(mariadb.execute(query, (number,)))
