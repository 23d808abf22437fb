# SPDX-License-Identifier: Apache-2.0
"""``etc/haproxy/haproxy-server`` with a real HAProxy."""

import contextlib
import shlex
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest

from tests.functional.rollout.proxy import HOST, Proxy
from tests.servers.process import binary, running, wait_until


class _Name(socketserver.BaseRequestHandler):
    """Says who serves, and waits for the client's end; a health check sees an end."""

    def handle(self) -> None:
        self.request.sendall(self.server.name)  # type: ignore[attr-defined]
        with contextlib.suppress(OSError):
            self.request.recv(1)


@contextlib.contextmanager
def _server(name: str) -> Iterator[int]:
    """The port of a server that says its name."""
    with socketserver.ThreadingTCPServer((HOST, 0), _Name) as server:
        server.daemon_threads = True
        server.name = name.encode()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    binary("socat")
    with _server("ctl1") as one, _server("ctl2") as other:
        proxy = Proxy(tmp_path, {"ctl1": one, "ctl2": other})
        proxy.configure()
        with running(proxy):
            yield proxy


def _served_by(proxy: Proxy) -> tuple[socket.socket, str]:
    """A new connection through the proxy, and the name of its server."""
    place = urlsplit(proxy.url)
    connection = socket.create_connection((HOST, place.port or 0), 10)
    return connection, connection.recv(10).decode()


def _names(proxy: Proxy, connections: int = 4) -> set[str]:
    """The servers of new connections, one after the other."""
    found = set()
    for _ in range(connections):
        connection, name = _served_by(proxy)
        connection.close()
        found.add(name)
    return found


def test_a_server_goes_out_when_its_session_has_ended(proxy: Proxy) -> None:
    """Meanwhile the other one gets the new connections; later it is back."""
    wait_until(lambda: _names(proxy) == {"ctl1", "ctl2"}, what="both serve")
    connection, name = _served_by(proxy)
    while name != "ctl1":
        connection.close()
        connection, name = _served_by(proxy)
    out = subprocess.Popen(shlex.split(proxy.hook("out", "ctl1")))
    try:
        wait_until(lambda: "drain state" in proxy.log.read_text(), what="drains")
        assert _names(proxy) == {"ctl2"}
        assert out.poll() is None
        connection.close()
        assert out.wait(30) == 0
    finally:
        out.kill()
    _hook(proxy, "out", "ctl1", 0)  # once more does no harm
    assert _names(proxy) == {"ctl2"}
    _hook(proxy, "in", "ctl1", 0)
    assert _names(proxy) == {"ctl1", "ctl2"}


def _hook(proxy: Proxy, action: Literal["out", "in"], host: str, code: int) -> str:
    """Run the script; return what it says."""
    argv = shlex.split(proxy.hook(action, host))
    done = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr


def test_what_it_cannot_do(proxy: Proxy) -> None:
    """It says what it tried, where, and why HAProxy didn't do it."""
    said = _hook(proxy, "out", "ctl3", 1)
    assert "haproxy-server out octavia/ctl3 at TCP:127.0.0.1:" in said
    assert "No such server" in said
    proxy.kill()
    assert "no answer; is HAProxy up" in _hook(proxy, "in", "ctl1", 1)
    script = shlex.split(proxy.hook("out", "ctl1"))[0]
    done = subprocess.run([script, "ctl1"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr.startswith("haproxy-server out BACKEND/SERVER")
