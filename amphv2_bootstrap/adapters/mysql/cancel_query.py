# SPDX-License-Identifier: Apache-2.0
"""Stops a running statement in the server when its step is cancelled."""

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator

import pymysql

_POLL_SECONDS = 0.05


@contextlib.contextmanager
def cancellable(
    connection: pymysql.Connection,
    connect: Callable[[], pymysql.Connection],
    cancelled: threading.Event,
) -> Iterator[None]:
    """Within the block, ``cancelled`` interrupts the running statement.

    A second connection sends ``KILL QUERY``, which every account may do to its own
    connections; the statement then fails with error 1317. Otherwise the server would
    continue it after its step has ended.

    After a fail-over or a restart, the number of a connection may belong to another
    client. So ``connection`` holds a named lock of the server, which tells the second
    connection whether that number is still ours there. If not, nothing is interrupted.
    """
    mark = f"amphv2-session:{secrets.token_hex(16)}"
    with _unless_refused():
        connection.cursor().execute("SELECT GET_LOCK(%s, 0)", (mark,))
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            if cancelled.is_set():
                _kill_query(connection.thread_id(), mark, connect)
                return

    watcher = threading.Thread(target=watch, name="cancel-statement", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _kill_query(
    number: int, mark: str, connect: Callable[[], pymysql.Connection]
) -> None:
    with _unless_refused(), contextlib.closing(connect()) as second:
        cursor = second.cursor()
        cursor.execute("SELECT IS_USED_LOCK(%s)", (mark,))
        if cursor.fetchall() == ((number,),):
            cursor.execute(f"KILL QUERY {int(number)}")


def _unless_refused() -> contextlib.AbstractContextManager[None]:
    """Ignore a server that is away or refuses: its timeouts end the statement."""
    return contextlib.suppress(pymysql.Error, OSError)
