# SPDX-License-Identifier: Apache-2.0
"""A connection whose other end vanishes without a word, as hosts do."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """Passes connections to ``host``:``port`` through, until told to freeze them."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._freeze = threading.Event()
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """From now on the present connections pass nothing; new ones do."""
        self._freeze.set()
        self._freeze = threading.Event()

    def close(self) -> None:
        for connection in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                inner, _ = self._listening.accept()
                try:
                    outer = socket.create_connection(self._target, 5)
                except OSError:
                    inner.close()
                    continue
                self._open += [inner, outer]
                for ends in ((inner, outer), (outer, inner)):
                    threading.Thread(
                        target=_pass_on, args=(*ends, self._freeze), daemon=True
                    ).start()


def _pass_on(
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
