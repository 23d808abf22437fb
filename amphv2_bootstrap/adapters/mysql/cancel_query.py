# SPDX-License-Identifier: Apache-2.0
"""Stops a running statement in the server when its step is cancelled."""

import contextlib
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
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            if cancelled.is_set():
                _kill_query(connection.thread_id(), connect)
                return

    watcher = threading.Thread(target=watch, name="cancel-statement", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _kill_query(number: int, connect: Callable[[], pymysql.Connection]) -> None:
    # If the server can't be reached, its own timeouts end the statement.
    with (
        contextlib.suppress(pymysql.Error, OSError),
        contextlib.closing(connect()) as second,
    ):
        second.cursor().execute(f"KILL QUERY {int(number)}")
