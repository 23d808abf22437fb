# SPDX-License-Identifier: Apache-2.0
"""A network between a client and a server that a test can disturb."""

import contextlib
import socket
import threading
from collections.abc import Iterator

_FORWARDING, _CUT, _SWALLOWING = "forwarding", "cut", "swallowing"


class Proxy:
    """Forwards connections to ``host``:``port``; ``accepted`` counts them."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.accepted = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._freeze = threading.Event()
        self._state = _FORWARDING
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def fail_over(self, host: str, port: int) -> None:
        """Pass new connections to another server; the present ones stay."""
        self._target = (host, port)

    def freeze(self) -> None:
        """Forward nothing on the present connections, but serve new ones."""
        self._freeze.set()
        self._freeze = threading.Event()

    def cut(self) -> None:
        """Close the present connections, and each new one, until :meth:`heal`."""
        with self._lock:
            self._state = _CUT
            self._drop_all()

    def swallow(self) -> None:
        """Be a black hole: accept connections, but forward nothing.

        The connections of this time stay silent also after :meth:`heal`.
        """
        with self._lock:
            self._state = _SWALLOWING
            self.freeze()

    def heal(self) -> None:
        """Forward new connections again."""
        with self._lock:
            self._state = _FORWARDING

    def close(self) -> None:
        with self._lock:
            self._state = _CUT
            _close(self._listening)
            self._drop_all()

    def _drop_all(self) -> None:
        for connection in self._open:
            _close(connection)
        self._open.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                inner, _ = self._listening.accept()
                self.accepted += 1
                self._serve(inner)

    def _serve(self, inner: socket.socket) -> None:
        if self._state == _CUT:
            _close(inner)
            return
        try:
            outer = socket.create_connection(self._target, 5)
        except OSError:
            _close(inner)
            return
        outer.settimeout(None)
        with self._lock:
            if self._state == _CUT:
                _close(inner)
                _close(outer)
                return
            frozen = self._freeze
            if self._state == _SWALLOWING:
                frozen = threading.Event()
                frozen.set()
            self._open += [inner, outer]
        for ends in ((inner, outer), (outer, inner)):
            threading.Thread(target=_forward, args=(*ends, frozen), daemon=True).start()


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _forward(
    source: socket.socket, sink: socket.socket, frozen: threading.Event
) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if not frozen.is_set():
                sink.sendall(data)
        if not frozen.is_set():
            sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def running_proxy(host: str, port: int) -> Iterator[Proxy]:
    """A proxy on a private loopback port."""
    with contextlib.closing(Proxy(host, port)) as proxy:
        yield proxy
