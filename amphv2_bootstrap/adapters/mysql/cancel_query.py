# SPDX-License-Identifier: Apache-2.0
"""Stopping a statement that runs in the server, when its step has to stop."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import pymysql

_LOOK_SECONDS = 0.05


@contextlib.contextmanager
def cancellable(
    connection: pymysql.Connection,
    connect: Callable[[], pymysql.Connection],
    cancelled: threading.Event,
) -> Iterator[None]:
    """While inside, ``cancelled`` interrupts the statement under way.

    By ``KILL QUERY`` on a second connection, which every account may do to its
    own; the statement then fails with error 1317. Without that the server would
    go on with it after its step was given up.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
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
    # A server that can't be reached to be told has lost the statement's
    # connection too, or will: its own timeouts end it.
    with (
        contextlib.suppress(pymysql.Error, OSError),
        contextlib.closing(connect()) as second,
    ):
        second.cursor().execute(f"KILL QUERY {int(number)}")
