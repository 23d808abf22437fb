# SPDX-License-Identifier: Apache-2.0
"""Accounts on a real server that the server prefers to the granted ones."""

from collections.abc import Iterator

import pymysql
import pytest

from amphv2_bootstrap.adapters.mysql import account_traps
from amphv2_bootstrap.adapters.mysql.sessions import Session, session
from amphv2_bootstrap.spec.database import DatabaseUrl
from tests.servers.mariadb import MariaDB

PASSWORD = "p@ss:w/o#r%d$1"
DATABASE = "octavia_persistence"
HOSTS = ("localhost", "%")


@pytest.fixture
def admin(mariadb: MariaDB) -> Iterator[Session]:
    mariadb.execute(f"CREATE DATABASE {DATABASE}")
    url = DatabaseUrl("mysql+pymysql", "root", mariadb.host, mariadb.port)
    with session(url, mariadb.root_password) as opened:
        yield opened


def _add(server: MariaDB, host: str, password: str = PASSWORD) -> None:
    server.execute("CREATE USER octavia@%s IDENTIFIED BY %s", (host, password))
    server.execute(f"GRANT ALL ON {DATABASE}.* TO octavia@%s", (host,))


def _shadows(admin: Session, hosts: tuple[str, ...] = HOSTS) -> list[str]:
    return list(account_traps.shadows(admin, "octavia", DATABASE, hosts))


def _others(admin: Session) -> list[str]:
    return list(account_traps.other_passwords(admin, "octavia", PASSWORD, HOSTS))


def test_an_anonymous_account_shadows_one_of_any_host(
    mariadb: MariaDB, admin: Session
) -> None:
    """An anonymous account is reported only if it really prevents the login."""
    _add(mariadb, "%")
    mariadb.execute("CREATE USER ''@localhost")
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        mariadb.connect(user="octavia", password=PASSWORD)
    (found,) = _shadows(admin, ("%",))
    assert "anonymous account ''@'localhost'" in found
    _add(mariadb, "localhost")
    mariadb.connect(user="octavia", password=PASSWORD).close()
    assert _shadows(admin) == []


def test_an_account_without_grants_shadows(mariadb: MariaDB, admin: Session) -> None:
    """An account without grants is reported, one with all grants is not."""
    for host in (*HOSTS, "10.0.0.%"):
        _add(mariadb, host)
    assert _shadows(admin) == []
    mariadb.execute("CREATE USER octavia@'10.0.0.5'")
    (found,) = _shadows(admin)
    assert "'octavia'@'10.0.0.5'" in found


def test_accounts_with_a_different_password_are_named(
    mariadb: MariaDB, admin: Session
) -> None:
    """Only accounts at other hosts than the granted ones; no password is shown."""
    for host in HOSTS:
        _add(mariadb, host, "0ther")  # the step and the checks of accounts report it
    _add(mariadb, "10.0.0.1")
    assert _others(admin) == []
    _add(mariadb, "10.0.0.2", "0ther")
    (found,) = _others(admin)
    assert found.startswith("'octavia'@'10.0.0.2' has a different password")
    assert "0ther" not in found
    assert PASSWORD not in found
