# SPDX-License-Identifier: Apache-2.0
"""The server: it serves in a thread, also by TLS, and never harms the conductor."""

import http.client
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from amphv2_bootstrap.conf.http.settings import HttpSettings
from amphv2_bootstrap.web import server
from amphv2_bootstrap.web.server import StatusPage
from tests.servers.certificates import Authority
from tests.servers.process import free_port, wait_until


def hello(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"hi"]


def _answers(connection: http.client.HTTPConnection) -> bool:
    try:
        connection.request("GET", "/")
        return connection.getresponse().read() == b"hi"
    except OSError:
        return False
    finally:
        connection.close()


def test_it_serves_once_the_port_is_free(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A port in use is one error of the log; later the page is there all the same."""
    monkeypatch.setattr(server, "_AGAIN_SECONDS", 0.05)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        page = StatusPage(hello, HttpSettings("127.0.0.1", port))
        page.start()
        wait_until(lambda: caplog.records, what="the error is logged")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    wait_until(lambda: _answers(connection), what="the page is served")
    page.stop()
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 1
    assert f"http://127.0.0.1:{port}/" in errors[0].getMessage()
    assert not _answers(connection)


def test_tls(authority: Authority) -> None:
    """With a certificate, it answers by TLS only."""
    pair = authority.server("page")
    port = free_port()
    files = str(pair.certificate), str(pair.key)
    page = StatusPage(hello, HttpSettings("127.0.0.1", port, None, *files))
    page.start()
    try:
        context = authority.context()
        context.check_hostname = False
        by_tls = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=5, context=context
        )
        wait_until(lambda: _answers(by_tls), what="the page is served by TLS")
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        assert not _answers(plain)
    finally:
        page.stop()
