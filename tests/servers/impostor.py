# SPDX-License-Identifier: Apache-2.0
"""A server that poses as MySQL to get what a client will give away."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_CAPABILITIES = 0x000FF7FF & ~0x0800  # all of MySQL 8 but TLS
_OK = b"\x00\x00\x00\x02\x00\x00\x00"


@dataclass
class Impostor:
    """Asks for the password by ``method``, then for ``file`` at the first statement.

    :param greeting: the method that it names at once; ``method`` follows as a switch.
    """

    method: str = "mysql_native_password"
    greeting: str = "mysql_native_password"
    file: str | None = None
    port: int = 0
    received: list[bytes] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        """Talk to one client until it leaves."""
        self._send(connection, 0, self._hello())
        number = self._receive(connection)
        if self.method != self.greeting:
            prompt = b"\x04Password: " if self.method == "dialog" else b"s" * 20 + b"\0"
            switch = b"\xfe" + self.method.encode() + b"\0" + prompt
            self._send(connection, number + 1, switch)
            number = self._receive(connection)
        self._send(connection, number + 1, _OK)
        while True:
            number = self._receive(connection)
            asked = b"\xfb" + self.file.encode() if self.file else _OK
            self._send(connection, number + 1, asked)

    def _hello(self) -> bytes:
        low, high = (_CAPABILITIES & 0xFFFF, _CAPABILITIES >> 16)
        return (
            b"\x0a8.0.36\0" + b"\1\0\0\0" + b"a" * 8 + b"\0" + low.to_bytes(2, "little")
            + b"\xff\2\0" + high.to_bytes(2, "little") + b"\x15" + b"\0" * 10
            + b"b" * 12 + b"\0" + self.greeting.encode() + b"\0"
        )  # fmt: skip

    def _send(self, connection: socket.socket, number: int, body: bytes) -> None:
        head = len(body).to_bytes(3, "little") + bytes([number % 256])
        connection.sendall(head + body)

    def _receive(self, connection: socket.socket) -> int:
        head = connection.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            raise ConnectionError
        size = int.from_bytes(head[:3], "little")
        self.received.append(connection.recv(size, socket.MSG_WAITALL))
        return head[3]


@contextlib.contextmanager
def listening(impostor: Impostor) -> Iterator[Impostor]:
    """It listens on ``impostor.port`` of 127.0.0.1 within the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        impostor.port = listener.getsockname()[1]
        listener.settimeout(0.05)
        ended = threading.Event()
        thread = threading.Thread(target=_accept, args=(impostor, listener, ended))
        thread.start()
        try:
            yield impostor
        finally:
            ended.set()
            thread.join()


def _accept(
    impostor: Impostor, listener: socket.socket, ended: threading.Event
) -> None:
    while not ended.is_set():
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                impostor.serve(connection)
