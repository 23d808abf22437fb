# SPDX-License-Identifier: Apache-2.0
"""Sessions with a server that asks for more than it should get."""

import ssl
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.mysql.sessions import session
from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.mysql_connection import MySQLConnection
from tests.servers.impostor import Impostor, listening

PASSWORD = "s3cret-w0rd"
IN_CLEAR = [
    Impostor("mysql_clear_password"),
    Impostor("mysql_clear_password", "mysql_clear_password"),
    Impostor("dialog"),
    Impostor("sha256_password", "sha256_password"),
]


def _url(server: Impostor, **query: str) -> DatabaseUrl:
    return DatabaseUrl("mysql+pymysql", "octavia", "127.0.0.1", server.port, "p", query)


@pytest.mark.parametrize("impostor", IN_CLEAR, ids=lambda server: server.method)
def test_no_password_in_clear(impostor: Impostor) -> None:
    """Whatever method a server without TLS names, it never gets the password."""
    with (
        listening(impostor) as server,
        pytest.raises(PermanentError, match="is refused") as caught,
        session(_url(server), PASSWORD) as opened,
    ):
        opened.rows("SELECT 1")
    assert "ssl_ca" in str(caught.value)
    assert PASSWORD.encode() not in b"".join(server.received)


@pytest.mark.parametrize("impostor", IN_CLEAR, ids=lambda server: server.method)
def test_the_engine_sends_none_either(impostor: Impostor) -> None:
    """The engine's own database gets no password in clear; the error is for good."""
    with listening(impostor) as server:
        url = f"mysql+pymysql://root:{PASSWORD}@127.0.0.1:{server.port}/engine"
        with pytest.raises(DatabaseError, match="is refused"), Database(url).read():
            pass
    assert PASSWORD.encode() not in b"".join(server.received)


@pytest.mark.parametrize("query", [{}, {"local_infile": "1"}])
def test_no_file_is_sent(query: dict[str, str], tmp_path: Path) -> None:
    """A server that asks for a file gets none, even where the URL allows it."""
    file = tmp_path / "shadow"
    file.write_text("root:$6$hash")
    with (
        listening(Impostor(file=str(file))) as server,
        pytest.raises(PermanentError),
        session(_url(server, **query), PASSWORD) as opened,
    ):
        opened.rows("SELECT 1")
    assert len(server.received) > 1, "it never asked"
    assert b"root:" not in b"".join(server.received)


def test_unverified_tls_loads_no_certificates() -> None:
    """Connections without TLS options share a context; others have one of their own."""
    plain, other = (MySQLConnection(defer_connect=True).ctx for _ in range(2))
    assert plain is other
    assert plain.verify_mode is ssl.CERT_NONE
    assert not plain.get_ca_certs()
    verifying = MySQLConnection(defer_connect=True, ssl_verify_cert=True).ctx
    assert verifying.verify_mode is ssl.CERT_REQUIRED
