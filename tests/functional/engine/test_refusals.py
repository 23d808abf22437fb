# SPDX-License-Identifier: Apache-2.0
"""What a real server refuses for good is a permanent error of the engine."""

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseError, DatabaseUnavailableError
from amphv2_bootstrap.engine.storage import migrate, schema
from amphv2_bootstrap.engine.storage.database import Database
from tests.functional.engine.conftest import OpenDatabase
from tests.servers.mariadb import MariaDB


def _engine(server: MariaDB, account: str) -> Database:
    server.execute("CREATE DATABASE IF NOT EXISTS amphv2_engine")
    place = f"{server.host}:{server.port}/amphv2_engine"
    return Database(f"mysql+pymysql://{account}@{place}")


def _write(database: Database) -> None:
    with database.write() as connection:
        connection.execute(schema.constants.insert().values(name="a", value="v"))


def test_a_missing_privilege_on_a_table(mariadb: MariaDB) -> None:
    """1142: the account may only read."""
    root = Database(f"{mariadb.root_url}/amphv2_engine")
    mariadb.execute("CREATE DATABASE IF NOT EXISTS amphv2_engine")
    migrate.upgrade(root)
    for host in ("%", "localhost"):
        mariadb.execute("CREATE USER reader@%s IDENTIFIED BY 'word'", (host,))
        mariadb.execute("GRANT SELECT ON amphv2_engine.* TO reader@%s", (host,))
    database = _engine(mariadb, "reader:word")
    migrate.check(database)
    with pytest.raises(DatabaseError, match="lacks a privilege: grant it"):
        _write(database)
    with database.read() as connection:
        assert connection.execute(sa.select(sa.literal(1))).scalar() == 1


def test_a_locked_account(mariadb: MariaDB) -> None:
    """4151: what to do is said, as for the target's database; an operator does it."""
    for host in ("%", "localhost"):
        account = ("locked", host)
        mariadb.execute("CREATE USER %s@%s IDENTIFIED BY 'word' ACCOUNT LOCK", account)
    with pytest.raises(DatabaseUnavailableError, match="ACCOUNT UNLOCK"):
        _write(_engine(mariadb, "locked:word"))


@pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)
def test_a_value_that_the_server_does_not_take(
    open_database: OpenDatabase, mariadb: MariaDB
) -> None:
    """1153: it is longer than max_allowed_packet."""
    database = open_database()
    query = sa.select(sa.func.length(sa.literal("x" * 50_000)))

    def ask() -> None:
        with database.read() as connection:
            connection.execute(query)

    mariadb.execute("SET GLOBAL max_allowed_packet = 16384")
    try:
        with pytest.raises(DatabaseError, match="Raise max_allowed_packet"):
            ask()
    finally:
        mariadb.execute("SET GLOBAL max_allowed_packet = 16777216")


# A privilege on a table, on a column, of the account; the packet; a variable and an
# engine that it doesn't know; a binary log by statements.
@pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)
@pytest.mark.parametrize("code", [1142, 1143, 1153, 1193, 1227, 1286, 1665])
def test_what_no_repetition_changes_is_permanent(
    code: int, open_database: OpenDatabase
) -> None:
    """An administrator must act: a conductor that tried again would wait for ever."""
    database = open_database()
    say = f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'refused'"
    with (
        pytest.raises(DatabaseError) as caught,
        database.write() as connection,
    ):
        connection.exec_driver_sql(say)
    assert not isinstance(caught.value, DatabaseUnavailableError)
