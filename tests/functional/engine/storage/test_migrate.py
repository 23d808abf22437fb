# SPDX-License-Identifier: Apache-2.0
"""Upgrades of the engine's own tables, from what older versions left."""

import multiprocessing
import signal
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import (
    DatabaseUnavailableError,
    MissingDatabaseError,
)
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage import migrate, schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.heartbeats import Heartbeats
from amphv2_bootstrap.engine.storage.host_reports import HostReports
from amphv2_bootstrap.engine.storage.store import Store
from tests.functional.engine import killed_upgrade
from tests.functional.engine.conftest import OpenDatabase
from tests.servers.mariadb import MariaDB

_NEW = (schema.host_reports, schema.constants)


def _as_first_version(database: Database) -> None:
    """The tables as revision 0001 has them, with a row in one of them."""
    migrate.upgrade(database)
    Heartbeats(database, "c1:1:machine:0", 10.0).heartbeat("c1", 1, "0.1.0")
    with database.write() as connection:
        for table in _NEW:
            table.drop(connection)
        _set_revision(connection, "0001")


def _set_revision(connection: sa.Connection, revision: str) -> None:
    query = f"UPDATE {migrate.VERSION_TABLE} SET version_num = '{revision}'"
    connection.execute(sa.text(query))


def _tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_the_first_version_is_upgraded_with_its_rows(
    open_database: OpenDatabase,
) -> None:
    """New tables are created, old rows stay, and a second run changes nothing."""
    database = open_database()
    _as_first_version(database)
    assert not {table.name for table in _NEW} & _tables(database)
    assert migrate.upgrade(database)
    assert migrate.revision(database) == migrate.HEAD
    assert {table.name for table in _NEW} <= _tables(database)
    assert [row.host for row in Store(database).conductors()] == ["c1"]
    HostReports(database, Key).publish("c1", "c1:1:machine:0", "0.2.0", {"a": 1})
    assert not migrate.upgrade(database)


def test_an_upgrade_killed_between_two_tables_is_finished(
    open_database: OpenDatabase,
) -> None:
    """The next run creates the tables that the killed one did not."""
    database = open_database()
    _as_first_version(database)
    with database.write() as connection:
        schema.host_reports.create(connection)
    assert migrate.upgrade(database)
    assert {table.name for table in _NEW} <= _tables(database)


def shape_of(database: Database) -> dict[str, set[str]]:
    with database.read() as connection:
        inspector = sa.inspect(connection)
        return {
            table: {str(index["name"]) for index in inspector.get_indexes(table)}
            for table in inspector.get_table_names()
        }


STRIDE = {True: 9, False: 1}
"""Statements from one kill to the next: on SQLite an upgrade is one transaction."""

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([killed_upgrade.__name__])


def upgrade_until(database: Database, statements: int) -> bool:
    """Whether the upgrade was killed after that many statements."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = _PROCESSES.Process(target=killed_upgrade.main, args=(url, statements))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def test_an_upgrade_killed_anywhere_is_finished(open_database: OpenDatabase) -> None:
    """Killed after any statement, the next run ends with every table and index."""
    database = open_database()
    migrate.upgrade(database)
    whole = shape_of(database)
    statements = 1
    while True:
        _clear(database)
        killed = upgrade_until(database, statements)
        assert migrate.upgrade(database) is killed
        assert shape_of(database) == whole, statements
        if not killed:
            break
        statements += STRIDE[database.is_sqlite]
    assert statements > len(schema.metadata.tables)


def _clear(database: Database) -> None:
    with database.write() as connection:
        schema.metadata.drop_all(connection)
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {migrate.VERSION_TABLE}"))


def test_several_upgrades_run_at_once(open_database: OpenDatabase) -> None:
    """All succeed, and one of them does the work."""
    _as_first_version(open_database())
    worked: list[bool] = []
    start = threading.Barrier(4)

    def upgrade() -> None:
        database = open_database()
        start.wait(30)
        worked.append(migrate.upgrade(database))

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(worked) == [False, False, False, True]


@pytest.mark.parametrize("use", [migrate.check, migrate.upgrade])
def test_a_missing_database_is_reported_with_what_creates_it(
    use: Callable[[Database], object], mariadb: MariaDB
) -> None:
    """The error has the statements that create the database and the account."""
    database = Database(f"{mariadb.root_url}/amphv2_bootstrap")
    with pytest.raises(MissingDatabaseError) as caught:
        use(database)
    text = str(caught.value)
    assert "CREATE DATABASE `amphv2_bootstrap`" in text
    assert "GRANT ALL PRIVILEGES ON `amphv2_bootstrap`.* TO 'root'@'%'" in text
    assert text.index("CREATE USER") < text.index("db upgrade")


def test_an_account_that_is_not_let_in_may_be_missing(mariadb: MariaDB) -> None:
    """A refused login can be retried, and the error says how to create the account."""
    place = f"{mariadb.host}:{mariadb.port}"
    url = f"mysql+pymysql://amphv2:s3cr3t@{place}/amphv2_bootstrap"
    with pytest.raises(DatabaseUnavailableError) as caught:
        migrate.check(Database(url))
    assert "CREATE USER 'amphv2'@'%' IDENTIFIED BY 'PASSWORD'" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_the_tables_say_who_works_with_them(open_database: OpenDatabase) -> None:
    """Each migration does; of several, the last one counts."""
    database = open_database()
    _as_first_version(database)
    migrate.upgrade(database)
    rows = schema.constants
    query = sa.select(rows.c.value).where(rows.c.name == migrate.COMPATIBLE_FROM)
    with database.read() as connection:
        assert connection.execute(query).scalars().all() == ["0008"]
