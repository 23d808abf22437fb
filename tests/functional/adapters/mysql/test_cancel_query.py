# SPDX-License-Identifier: Apache-2.0
"""A cancelled step stops its running statement in the server."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pymysql
import pytest

from amphv2_bootstrap.adapters.mysql import database_url, sessions
from amphv2_bootstrap.errors import CancelledError
from tests.servers.mariadb import MariaDB, running_mariadb
from tests.servers.process import wait_until
from tests.servers.proxy import running_proxy

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


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[MariaDB, MariaDB]]:
    """Two that had few connections so far: each number is reached by connecting."""
    with running_mariadb() as first, running_mariadb() as other:
        yield first, other


def _connect_up_to(server: MariaDB, number: int) -> pymysql.Connection:
    """The first new connection with this number or a higher one."""
    while (connection := server.connect()).thread_id() < number:
        connection.close()
    return connection


@contextlib.contextmanager
def _waiting(connection: pymysql.Connection, server: MariaDB) -> Iterator[Future[int]]:
    """The result of a statement that runs until the block ends; 1 if nobody killed it.

    The connection is closed at the end.
    """

    def wait() -> int:
        with contextlib.closing(connection):
            cursor = connection.cursor()
            cursor.execute("SELECT GET_LOCK('stranger', 300)")
            return int(cursor.fetchall()[0][0] or 0)

    query = "SELECT 1 FROM information_schema.processlist WHERE id = %s AND state = %s"
    with ThreadPoolExecutor(1) as pool, contextlib.closing(server.connect()) as holder:
        holder.cursor().execute("SELECT GET_LOCK('stranger', 0)")
        result = pool.submit(wait)
        wait_until(
            lambda: server.execute(query, (connection.thread_id(), "User lock")),
            what="the stranger's statement waits",
            state=lambda: server.execute("SHOW FULL PROCESSLIST"),
        )
        yield result


@pytest.mark.parametrize("restart", [False, True], ids=["fail-over", "restart"])
def test_a_stranger_with_the_same_number_is_spared(
    servers: tuple[MariaDB, MariaDB], restart: bool
) -> None:
    """On a server without the session, a cancellation interrupts no statement.

    After a fail-over, or a restart of the server, the number of the session's
    connection may belong to another client.
    """
    first, other_server = servers
    if restart:
        first = other_server
    url, password = database_url.parse(first.root_url)
    cancelled = threading.Event()
    with contextlib.closing(other_server.connect()) as newest:
        _connect_up_to(first, newest.thread_id() + 30).close()
    with (
        running_proxy(first.host, first.port) as proxy,
        contextlib.ExitStack() as stack,
    ):
        url = dataclasses.replace(url, port=proxy.port)
        session = stack.enter_context(
            sessions.session(url, password, cancelled=cancelled)
        )
        number = session.value("SELECT CONNECTION_ID()")
        if restart:
            other_server.stop()
            other_server.start()
        proxy.fail_over(other_server.host, other_server.port)
        stranger = _connect_up_to(other_server, number)
        assert stranger.thread_id() == number
        with _waiting(stranger, other_server) as result:
            before = proxy.accepted
            cancelled.set()
            wait_until(lambda: proxy.accepted > before, what="it connects again")
            stack.close()  # waits until the cancellation has ended
        assert result.result() == 1
