# SPDX-License-Identifier: Apache-2.0
"""Connections by TLS to a real MariaDB: the administrator's, and the engine's."""

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.adapters.mysql import fitness
from amphv2_bootstrap.adapters.mysql.sessions import session
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.steps.target_database import account
from tests.servers.certificates import Authority, Pair
from tests.servers.mariadb import (
    MariaDB,
    running_mariadb,
    tls_arguments,
    tls_options,
)
from tests.servers.process import wait_until
from tests.unit.steps.controller_host import Controller

PASSWORD = "s3same-Street"


@pytest.fixture(scope="module")
def server(tls_mariadb: MariaDB) -> MariaDB:
    """A server with an account for which a client certificate is required."""
    tls_mariadb.clean()
    for name, demand in (("plain", "NONE"), ("tls", "SSL"), ("x509", "X509")):
        tls_mariadb.execute(
            f"CREATE USER {name}@localhost IDENTIFIED BY '{PASSWORD}' REQUIRE {demand}"
        )
    return tls_mariadb


def log_in(server: MariaDB, user: str, query: Mapping[str, str]) -> str:
    """The cipher of an adapter's session; empty without TLS."""
    url = DatabaseUrl(
        "mysql+pymysql", user, server.host, server.port, query=dict(query)
    )
    with session(url, PASSWORD) as connection:
        return str(connection.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1])


@contextlib.contextmanager
def engine(
    server: MariaDB, user: str, query: Mapping[str, str]
) -> Iterator[sa.Connection]:
    """A connection of the engine's database."""
    account = f"{user}:{PASSWORD}@{server.host}:{server.port}"
    database = Database(f"mysql+pymysql://{account}/?{urlencode(query)}")
    try:
        with database.read() as connection:
            yield connection
    finally:
        database.close()


def connections(server: MariaDB) -> int:
    """How many connections were tried so far, this one included."""
    return int(server.execute("SHOW GLOBAL STATUS LIKE 'Connections'")[0][1])


def test_a_verified_connection_is_encrypted(
    server: MariaDB, authority: Authority
) -> None:
    """With the private authority, certificate and host name are right."""
    assert log_in(server, "tls", tls_arguments(authority))
    with engine(server, "tls", tls_arguments(authority)) as connection:
        found = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        assert found.one()[1]


def test_a_client_certificate_lets_its_owner_in(
    server: MariaDB, authority: Authority
) -> None:
    """``REQUIRE X509`` accepts a certificate of an authority that the server trusts."""
    query = tls_arguments(authority, authority.pair("client"))
    assert log_in(server, "x509", query)
    with engine(server, "x509", query) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_a_missing_client_certificate_is_named(
    server: MariaDB, authority: Authority
) -> None:
    """The server says 'access denied'; the advice mentions the certificate."""
    with pytest.raises(PermanentError, match="REQUIRE X509"):
        log_in(server, "x509", tls_arguments(authority))
    with (
        pytest.raises(DatabaseUnavailableError, match="REQUIRE X509"),
        engine(server, "x509", tls_arguments(authority)),
    ):
        pass


Query = Callable[[Authority, Path], dict[str, str]]


def stranger(authority: Authority, folder: Path) -> dict[str, str]:
    return tls_arguments(Authority(folder / "stranger"))


def no_authority(authority: Authority, folder: Path) -> dict[str, str]:
    return {"ssl_verify_cert": "true"}


@pytest.mark.parametrize("query", [stranger, no_authority])
def test_an_untrusted_certificate_is_permanent(
    query: Query, server: MariaDB, authority: Authority, tmp_path: Path
) -> None:
    """One attempt; the advice is to name the right authority."""
    before = connections(server)
    with pytest.raises(PermanentError, match="name the file of the right one"):
        log_in(server, "plain", query(authority, tmp_path))
    assert connections(server) - before <= 2
    with (
        pytest.raises(DatabaseUnavailableError, match="name the file of the right one"),
        engine(server, "plain", query(authority, tmp_path)),
    ):
        pass


def test_a_certificate_of_another_name_is_permanent(
    authority: Authority, tmp_path: Path
) -> None:
    """It is refused unless the host name is left out of the check."""
    pair = authority.pair("elsewhere", ["db.example"])
    query = tls_arguments(authority)
    with running_mariadb(*tls_options(authority, pair)) as other:
        other.execute(f"CREATE USER plain@localhost IDENTIFIED BY '{PASSWORD}'")
        with pytest.raises(PermanentError, match="subjectAltName"):
            log_in(other, "plain", query)
        assert log_in(other, "plain", {**query, "ssl_check_hostname": "false"})


def test_a_server_without_tls_gets_no_password(
    mariadb: MariaDB, authority: Authority
) -> None:
    """TLS that was asked for is not left out because the server has none."""
    mariadb.execute(f"CREATE USER plain@localhost IDENTIFIED BY '{PASSWORD}'")
    assert log_in(mariadb, "plain", {}) == ""
    with pytest.raises(PermanentError, match="Enable TLS in the server"):
        log_in(mariadb, "plain", tls_arguments(authority))
    with (
        pytest.raises(DatabaseUnavailableError, match="Enable TLS in the server"),
        engine(mariadb, "plain", tls_arguments(authority)),
    ):
        pass


def test_a_file_that_vanished_is_named(
    server: MariaDB, authority: Authority, tmp_path: Path
) -> None:
    """While certificates are replaced, the engine waits for them (promise P4)."""
    query = {"ssl_ca": str(tmp_path / "gone.pem")}
    with pytest.raises(PermanentError, match="ssl_ca"):
        log_in(server, "plain", query)
    for text in (None, "no certificate"):
        if text:
            (tmp_path / "gone.pem").write_text(text)
        with (
            pytest.raises(DatabaseUnavailableError, match=r"ssl_ca|TLS options"),
            engine(server, "plain", query),
        ):
            pass


@pytest.mark.parametrize("days", [20, 40])
def test_a_servers_certificate_that_expires_soon_is_a_warning(
    days: int, authority: Authority
) -> None:
    """It is among the warnings of check-prerequisites and of verify."""
    pair = authority.server(f"young{days}", days)
    with running_mariadb(*tls_options(authority, pair)) as young:
        url = DatabaseUrl("mysql+pymysql", "root", young.host, young.port)
        url = dataclasses.replace(url, query=tls_arguments(authority))
        with session(url, young.root_password) as connection:
            found = fitness.traps(connection, "none", ())
    soon = [one for one in found if "expires on" in one]
    assert len(soon) == (days < 30)
    assert all(f"{young.host}:{young.port}" in one for one in soon)


def answer(database: Database) -> str:
    """ "yes", or why the engine's database can't be used now."""
    try:
        with database.read() as connection:
            connection.exec_driver_sql("SELECT 1")
    except DatabaseUnavailableError as exc:
        return str(exc)
    return "yes"


def wait_until_answer(database: Database, words: str) -> None:
    """The first answers may be about connections that ended with the server."""
    wait_until(
        lambda: words in answer(database),
        what=f"the engine says {words}",
        state=lambda: answer(database),
    )


def test_the_engine_outlives_a_wrong_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    """While its server has another authority's, the engine says so and tries again."""
    right, wrong = authority.server("rotated"), Authority(tmp_path).server()
    mine = Pair(tmp_path / "mine.pem", tmp_path / "mine.key")
    query = urlencode(tls_arguments(authority))

    def install(pair: Pair) -> None:
        shutil.copy(pair.certificate, mine.certificate)
        shutil.copy(pair.key, mine.key)

    install(right)
    with running_mariadb(*tls_options(authority, mine)) as other:
        other.execute(f"CREATE USER plain@localhost IDENTIFIED BY '{PASSWORD}'")
        place = f"plain:{PASSWORD}@{other.host}:{other.port}"
        database = Database(f"mysql+pymysql://{place}/?{query}")
        for pair, words in ((right, "yes"), (wrong, "right one"), (right, "yes")):
            other.stop()
            install(pair)
            other.start()
            wait_until_answer(database, words)
        database.close()


def test_octavias_certificates_may_be_in_a_container(
    server: MariaDB, authority: Authority, tmp_path: Path
) -> None:
    """The session as Octavia's account reads them where the host has them."""
    inside = "/only/in/the/container/ca.pem"
    controller = Controller(tmp_path, secrets={"persistence_password": PASSWORD})
    controller.settings["host_paths"] = {inside: str(authority.file)}
    query = {**tls_arguments(authority), "ssl_ca": inside}
    url = DatabaseUrl("mysql+pymysql", "tls", server.host, server.port, "mysql", query)
    server.execute("GRANT SELECT ON mysql.* TO tls@localhost")
    context = controller.context
    context = dataclasses.replace(
        context, spec=dataclasses.replace(context.spec, persistence=url)
    )
    with account(context) as connection:
        assert connection.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1]
