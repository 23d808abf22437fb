# SPDX-License-Identifier: Apache-2.0
"""Quoting, names and facts; functional tests run statements on a real server."""

import contextlib
import socket
import threading

import pytest

from amphv2_bootstrap.adapters.mysql import sessions
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.secret import Secret
from tests.servers.process import free_port


@pytest.mark.parametrize(
    ("version", "comment", "text", "numbers"),
    [
        ("10.11.19-MariaDB-0+deb12u1", "Debian 12", "MariaDB 10.11.19", (10, 11, 19)),
        ("5.5.5-10.6.4-MariaDB", "", "MariaDB 10.6.4", (10, 6, 4)),
        ("10.6.16", "MariaDB Server", "MariaDB 10.6.16", (10, 6, 16)),
        ("8.0.36", "MySQL Community Server - GPL", "MySQL 8.0.36", (8, 0, 36)),
        ("8.4.0-1", "Percona XtraDB Cluster", "MySQL 8.4.0", (8, 4, 0)),
        ("odd", "", "MySQL 0", (0,)),
    ],
)
def test_server(
    version: str, comment: str, text: str, numbers: tuple[int, ...]
) -> None:
    """Flavour and version are read from texts of real servers."""
    server = sessions.parse_server(version, comment)
    assert (server.text, server.version) == (text, numbers)


def test_closed_port() -> None:
    """A closed port is a transient error that names the server."""
    url = DatabaseUrl("mysql+pymysql", "octavia", "127.0.0.1", free_port())
    with (
        pytest.raises(TransientError, match=r"\[2003\]") as caught,
        sessions.session(url, "secret-word"),
    ):
        pass
    assert url.place in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and sends nothing is given up in bounded time."""
    monkeypatch.setattr(sessions, "_CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(sessions, "_IO_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = DatabaseUrl("mysql+pymysql", "u", "127.0.0.1", listener.getsockname()[1])
        with (
            pytest.raises(TransientError, match=r"\[2003\]|\[2013\]"),
            sessions.session(url, "secret-word"),
        ):
            pass


@pytest.mark.parametrize(
    "query",
    [
        {"ssl_ca": "/nonexistent/ca.pem"},
        {"ssl_cert": "/nonexistent/cert.pem", "ssl_key": "/nonexistent/key.pem"},
        {"no_such_argument": "1"},
    ],
)
def test_wrong_arguments(query: dict[str, str]) -> None:
    """A missing TLS file or an unknown argument is a permanent error."""
    url = DatabaseUrl("mysql+pymysql", "u", "127.0.0.1", free_port(), query=query)
    with pytest.raises(PermanentError), sessions.session(url, "secret-word"):
        pass


def test_socket_of_the_url() -> None:
    """The session connects to the URL's ``unix_socket``."""
    url = DatabaseUrl("mysql+pymysql", "u", query={"unix_socket": "/nonexistent/s"})
    with (
        pytest.raises(TransientError, match="/nonexistent/s"),
        sessions.session(url, None),
    ):
        pass


def test_tls_is_required() -> None:
    """With TLS arguments, a server without TLS gets no log-in in clear text."""
    greeting = (
        b"J\x00\x00\x00\x0a8.0.36\x00\x01\x00\x00\x00aaaaaaaa\x00\xff\xf7\xff"
        b"\x02\x00\xff\xdf\x15" + b"\x00" * 10 + b"b" * 12 + b"\x00"
        b"mysql_native_password\x00"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet, args=(listener, greeting))
        thread.start()
        query = {"ssl_verify_cert": "true"}
        port = listener.getsockname()[1]
        url = DatabaseUrl("mysql+pymysql", "u", "127.0.0.1", port, query=query)
        with (
            pytest.raises((PermanentError, TransientError)),
            sessions.session(url, "secret-word"),
        ):
            pass
        thread.join()


def _greet(listener: socket.socket, greeting: bytes) -> None:
    """Greet as a MySQL without TLS."""
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            connection.sendall(greeting)
            connection.recv(4096)


def test_the_text_of_a_statement() -> None:
    """It is what the server gets, except that a secret is masked."""
    sql = "CREATE USER %s@%s IDENTIFIED BY %s"
    made = sessions.Statement(sql, ("o'x", "%", Secret("word")))
    assert str(made) == r"CREATE USER 'o\'x'@'%' IDENTIFIED BY '***'"
    grant = sessions.Statement("GRANT ALL ON %s.*", (sessions.GrantName("a_b"),))
    assert str(grant) == r"GRANT ALL ON `a\_b`.*"
    assert str(sessions.Statement("SELECT 1 % 1")) == "SELECT 1 % 1"
