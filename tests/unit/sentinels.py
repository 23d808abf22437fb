# SPDX-License-Identifier: Apache-2.0
"""Sockets that stand for Sentinels: one answers, and one is silent."""

import contextlib
import socket
import threading
from collections.abc import Iterator

SILENT, REFUSING, ANSWERING = "127.0.0.2", "127.0.0.3", "127.0.0.1"


@contextlib.contextmanager
def listening_sentinels() -> Iterator[int]:
    """``SILENT`` and ``ANSWERING`` accept connections on this port."""
    with (
        socket.create_server((ANSWERING, 0)) as answering,
        socket.create_server((SILENT, answering.getsockname()[1])),
    ):
        threading.Thread(target=_answer, args=(answering,), daemon=True).start()
        yield answering.getsockname()[1]
        answering.shutdown(socket.SHUT_RDWR)


def _answer(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"+PONG\r\n")
                connection.recv(1024)
