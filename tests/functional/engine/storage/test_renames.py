# SPDX-License-Identifier: Apache-2.0
"""Tables and rows of 0.1.0 get today's names, even if an upgrade is killed."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import migrate, schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.store import Store
from tests import DATA
from tests.functional.engine.conftest import OpenDatabase
from tests.functional.engine.storage.test_migrate import STRIDE, shape_of, upgrade_until

FIXTURE = DATA / "jobs" / "0.1.0.sql"
_TABLES = DATA / "jobs" / "0.1.0-mariadb.ddl"

Restore = Callable[[], None]


@pytest.fixture
def database(open_database: OpenDatabase) -> Database:
    return open_database()


@pytest.fixture
def restore(database: Database, tmp_path: Path) -> Restore:
    """Makes the database what 0.1.0 left, a job under way included."""
    path = tmp_path / "former.sqlite"
    former = sqlite3.connect(path)
    former.executescript(FIXTURE.read_text())

    def restored() -> None:
        if database.is_sqlite:
            _replace(database, path)
            return
        _drop_all(database)
        _execute(database, *_statements(_TABLES.read_text()))
        _copy(former, database)

    return restored


def _replace(database: Database, path: Path) -> None:
    database.close()
    file = str(database.engine.url.database)
    for suffix in ("-wal", "-shm"):
        Path(file + suffix).unlink(missing_ok=True)
    shutil.copy(path, file)


def _statements(text: str) -> list[str]:
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [part for part in bare.split(";\n") if part.strip()]


def _drop_all(database: Database) -> None:
    with database.read() as connection:
        names = sa.inspect(connection).get_table_names()
    drops = [f"DROP TABLE {name}" for name in names]
    key = "SET foreign_key_checks = "
    _execute(database, f"{key}0", *drops, f"{key}1")


def _execute(database: Database, *statements: str) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _copy(former: sqlite3.Connection, database: Database) -> None:
    former.row_factory = sqlite3.Row
    names = [
        found.group(1)
        for found in re.finditer(r"CREATE TABLE `(\w+)`", _TABLES.read_text())
    ]
    with database.write() as connection:
        for name in names:
            for row in former.execute(f"SELECT * FROM {name}"):
                values = dict(row)
                columns = ", ".join(f"`{column}`" for column in values)
                places = ", ".join(f":{column}" for column in values)
                statement = f"INSERT INTO {name} ({columns}) VALUES ({places})"
                connection.execute(sa.text(statement), values)


def _rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    with database.read() as connection:
        return {
            table.name: [
                dict(row._mapping)
                for row in connection.execute(
                    sa.select(table).order_by(*table.primary_key.columns)
                )
            ]
            for table in schema.metadata.sorted_tables
        }


def test_a_job_of_0_1_0_has_todays_names(database: Database, restore: Restore) -> None:
    """Flow, steps and effects are found by today's names; ids and states stay."""
    restore()
    assert migrate.upgrade(database)
    store = Store(database)
    (job,) = store.jobs()
    runs = store.flow_runs_of(job.uuid)
    assert [run.flow for run in runs] == ["cloud", "controller", "controller"]
    assert store.atom_names(runs[0])[-1] == "release-controllers"
    steps = store.steps(runs[0], store.atom_names(runs[0]))
    assert steps[2].result["effect"] == "changed"
    assert {step.state for step in steps} == {"SUCCESS", "RUNNING", "PENDING"}
    text = json.dumps(_rows(database), default=str)
    for former in (
        '"bootstrap"',
        '"bootstrap\\"',
        "post-controller-jobs",
        '\\"outcome\\": ',
    ):
        assert former not in text, former
    assert not migrate.upgrade(database)


def test_a_second_job_cannot_be_posted_beside_it(
    database: Database, restore: Restore
) -> None:
    """An unfinished job of 0.1.0 still counts as unfinished."""
    restore()
    migrate.upgrade(database)
    assert {row["active"] for row in _rows(database)["jobs"]} == {"unfinished"}


def test_an_upgrade_killed_anywhere_is_finished(
    database: Database, restore: Restore
) -> None:
    """Killed after any statement, the next run ends with the same tables and rows."""
    restore()
    migrate.upgrade(database)
    whole, rows = shape_of(database), _rows(database)
    statements = 1
    while True:
        restore()
        killed = upgrade_until(database, statements)
        assert migrate.upgrade(database) is killed
        assert shape_of(database) == whole, statements
        assert _without_times(_rows(database)) == _without_times(rows), statements
        if not killed:
            break
        statements += STRIDE[database.is_sqlite]
    assert statements > len(_statements(_TABLES.read_text()))


def _without_times(rows: dict[str, list[dict[str, Any]]]) -> Any:
    """The rows without the column in which taskflow stores the time of a write."""
    return [
        {name: value for name, value in row.items() if name != "updated_at"}
        for found in rows.values()
        for row in found
    ]


def test_the_tables_are_those_of_a_new_database(
    database: Database, restore: Restore, open_database: OpenDatabase
) -> None:
    """Columns and indexes are the same whether upgraded or made anew."""
    new = open_database("new")
    migrate.upgrade(new)
    restore()
    migrate.upgrade(database)
    assert _columns(database) == _columns(new)
    assert shape_of(database) == shape_of(new)


def _columns(database: Database) -> dict[str, set[tuple[str, str, bool]]]:
    with database.read() as connection:
        inspector = sa.inspect(connection)
        return {
            table: {
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            }
            for table in inspector.get_table_names()
        }
