# SPDX-License-Identifier: Apache-2.0
"""The engine's database is private and transactional; its errors become ours."""

import threading
import time
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    SchemaError,
)
from amphv2_bootstrap.engine.measures import Event
from amphv2_bootstrap.engine.storage import migrate, schema
from amphv2_bootstrap.engine.storage.database import Database, is_duplicate
from tests.servers.process import free_port
from tests.unit.engine.counting import counted


def _constant(name: str) -> sa.Insert:
    return schema.constants.insert().values(name=name, value="v")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A SQLite database with the engine's tables."""
    found = Database(f"sqlite:///{tmp_path}/state/engine.sqlite")
    migrate.upgrade(found)
    return found


def test_sqlite_files_are_private(database: Database, tmp_path: Path) -> None:
    """Only their owner can read folder, file and write-ahead log."""
    with database.write() as connection:
        connection.execute(_constant("a"))
    found = [tmp_path / "state", *(tmp_path / "state").iterdir()]
    assert len(found) >= 2
    assert [path for path in found if path.stat().st_mode & 0o077] == []


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    """A block that raises commits nothing."""

    def fail() -> None:
        with database.write() as connection:
            connection.execute(_constant("a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as connection:
        names = connection.execute(sa.select(schema.constants.c.name)).scalars()
        assert "a" not in list(names)


def test_writers_queue_up(database: Database) -> None:
    """Concurrent read-then-write transactions neither fail nor lose an update."""
    table = schema.constants
    mine = table.c.name == "n"
    query = sa.select(table.c.value).where(mine)
    with database.write() as connection:
        connection.execute(table.insert().values(name="n", value="0"))

    def add() -> None:
        for _ in range(10):
            with database.write() as connection:
                value = connection.execute(query).scalar_one()
                value = str(int(value) + 1)
                connection.execute(table.update().where(mine).values(value=value))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(query).scalar() == "40"


def test_the_clock_is_the_databases(database: Database) -> None:
    """The clock is right to a second, in seconds since the epoch."""
    before = time.time()
    with database.read() as connection:
        now = connection.execute(sa.select(database.now)).scalar_one()
    assert before - 1 < now < time.time() + 1


def test_a_server_that_is_away_is_unavailable() -> None:
    """The error can be retried and is counted; it has the place, and no password."""
    port = free_port()
    database = Database(f"mysql+pymysql://root:s3cr3t@127.0.0.1:{port}/engine")
    with (
        counted() as events,
        pytest.raises(DatabaseUnavailableError, match=str(port)) as caught,
    ):
        migrate.check(database)
    assert "s3cr3t" not in str(caught.value)
    assert events == {(Event.DATABASE_FAILED, "DatabaseUnavailableError"): 1}


def test_what_a_server_repeats_is_masked() -> None:
    """The server's own message is shown, without the password in it."""
    database = Database("mysql+pymysql://octavia:p%40ss-word@127.0.0.1/engine")
    refusal = pymysql.err.OperationalError(1045, "p@ss-word isn't it")
    with (
        pytest.raises(DatabaseUnavailableError, match=r"\*\*\* isn't it") as caught,
        database._translated("read"),
    ):
        raise sa.exc.OperationalError("SELECT 1", {}, refusal)
    assert "p@ss" not in str(caught.value)


@pytest.mark.parametrize("code", [1142, 1143, 1153, 1227, 1665])
def test_a_refusal_of_the_server_is_not_tried_again(code: int) -> None:
    """Only an administrator of the server helps; the message says by what."""
    database = Database("mysql+pymysql://octavia:p@127.0.0.1/engine")
    refusal = pymysql.err.OperationalError(code, "refused")
    with (
        pytest.raises(DatabaseError, match=r"refused.*\. [A-Z]") as caught,
        database._translated("write"),
    ):
        raise sa.exc.OperationalError("INSERT", {}, refusal)
    assert not isinstance(caught.value, SchemaError)


def test_missing_tables_say_what_to_do(tmp_path: Path) -> None:
    """Without tables, the error says to run db upgrade."""
    database = Database(f"sqlite:///{tmp_path}/empty.sqlite")
    with pytest.raises(SchemaError, match="db upgrade"):
        migrate.check(database)
    with pytest.raises(SchemaError), database.read() as connection:
        connection.execute(sa.select(schema.flow_runs))


def test_a_duplicate_differs_from_other_errors(database: Database) -> None:
    """An insert of a key that exists is known as a duplicate; it counts as no error."""
    with database.write() as connection:
        connection.execute(_constant("a"))
    with (
        counted() as events,
        pytest.raises(DatabaseError) as caught,
        database.write() as connection,
    ):
        connection.execute(_constant("a"))
    assert not events
    assert is_duplicate(caught.value)
    assert not is_duplicate(ValueError())


def test_a_full_disk_is_unavailable(database: Database) -> None:
    """A full disk may be fixed later: the error can be retried."""
    with database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def fill() -> None:
        with database.write() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(5000):
                connection.execute(_constant(f"{number:064d}"))

    with pytest.raises(DatabaseUnavailableError, match="full"):
        fill()


def test_a_folder_that_cannot_be_made_is_an_error_to_read(tmp_path: Path) -> None:
    """Where the state path is a file, the error names the option."""
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="state_path"):
        Database(f"sqlite:///{tmp_path}/file/engine.sqlite")
