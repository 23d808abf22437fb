# SPDX-License-Identifier: Apache-2.0
"""Databases at older revisions of taskflow's schema, with rows."""

import datetime
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.functional.steps.target import DATABASE
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_octavia

_MIGRATE = """
import sys, sqlalchemy
from taskflow.persistence.backends.sqlalchemy import migration
with sqlalchemy.create_engine(sys.argv[1]).connect() as connection:
    migration.db_sync(connection, sys.argv[2])
"""
# Parents first.
_TABLES = ("logbooks", "flowdetails", "taskdetails", "atomdetails", "alembic_version")
_DROPPED = {"exception", "stacktrace"}  # by the second migration
_EACH = 2
"""The number of books, of flows in a book, and of atoms in a flow."""

Rows = dict[str, dict[str, dict[str, Any]]]
"""By table and uuid; the atoms' table has its newest name."""


@dataclass
class OlderSchema:
    """Makes the test's database by taskflow's own migrations."""

    server: MariaDB
    templates: dict[str, list[str]] = field(default_factory=dict)
    database: str = DATABASE

    def make(self, revision: str) -> None:
        """Make the tables of a revision in the empty database."""
        if revision not in self.templates:
            self.migrate(revision)
            self.templates[revision] = list(self._dump())
            return
        for statement in self.templates[revision]:
            self.run(statement)

    def tables(self) -> list[str]:
        """The definition of each table, as the server prints it."""
        return _definitions(self._dump())

    def tables_at(self, revision: str) -> list[str]:
        """Like :meth:`tables`, after an undisturbed upgrade to that revision."""
        if revision not in self.templates:
            other = f"{DATABASE}_fresh"
            self.server.execute(f"CREATE DATABASE `{other}` CHARACTER SET utf8mb4")
            fresh = OlderSchema(self.server, self.templates, other)
            fresh.make(revision)
        return _definitions(self.templates[revision])

    def migrate(self, revision: str) -> None:
        """Run taskflow's migrations themselves."""
        python = str(find_octavia() / "bin" / "python")
        url = f"{self.server.root_url}/{self.database}"
        command = [python, "-c", _MIGRATE, url, revision]
        subprocess.run(command, check=True, timeout=120, cwd=Path("/"))

    def _dump(self) -> Iterator[str]:
        names = {name for (name,) in self.run("SHOW TABLES")}
        for name in _TABLES:
            if name in names:
                yield self.run(f"SHOW CREATE TABLE `{name}`")[0][1]
        if "alembic_version" in names:
            for (number,) in self.run("SELECT version_num FROM alembic_version"):
                yield f"INSERT INTO alembic_version VALUES ('{number}')"

    def fill(self) -> Rows:
        """Insert rows into each existing table, and return them."""
        names = {name for (name,) in self.run("SHOW TABLES")}
        self._fill([name for name in _TABLES[:-1] if name in names], "", None)
        return self.rows()

    def _fill(self, tables: list[str], prefix: str, parent: str | None) -> None:
        for number in range(_EACH if tables else 0):
            uuid = f"{prefix}{tables[0]}-{number}"
            columns = [column for column, *_ in self.run(f"DESCRIBE `{tables[0]}`")]
            values = [_value(column, uuid, parent) for column in columns]
            marks = ", ".join(["%s"] * len(columns))
            self.run(f"INSERT INTO `{tables[0]}` VALUES ({marks})", values)
            self._fill(tables[1:], f"{uuid}/", uuid)

    def rows(self) -> Rows:
        """All rows of the tables."""
        found: Rows = {}
        for (table,) in self.run("SHOW TABLES"):
            if table != "alembic_version":
                columns = [column for column, *_ in self.run(f"DESCRIBE `{table}`")]
                rows = self.run(f"SELECT * FROM `{table}`")
                named = [dict(zip(columns, row, strict=True)) for row in rows]
                key = "atomdetails" if table == "taskdetails" else table
                found[key] = {row["uuid"]: row for row in named}
        return found

    def run(self, sql: str, args: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement on the test's database."""
        return self.server.execute(sql, args, database=self.database)


def _definitions(statements: Iterable[str]) -> list[str]:
    return [one for one in statements if not one.startswith("INSERT")]


def _value(column: str, uuid: str, parent: str | None) -> Any:
    known = {
        "uuid": uuid,
        "parent_uuid": parent,
        "created_at": datetime.datetime(2026, 2, 3, 4, 5, 6),
        "updated_at": None,
        "atom_type": "RETRY_DETAIL" if uuid.endswith("1") else "TASK_DETAIL",
        "intention": "REVERT",
        "version": "[1, 0]",
    }
    if column in known:
        return known[column]
    if column in ("state", "name"):
        return f"{column} of {uuid}"
    return f'{{"{column}": "é\\u2028 \'quoted\' {uuid}", "pad": "{"x" * 20000}"}}'


def survived(before: Rows, after: Rows) -> bool:
    """Whether each row exists, with all columns that the migrations keep."""
    kept = {
        table: {
            uuid: {c: v for c, v in row.items() if c not in _DROPPED}
            for uuid, row in rows.items()
        }
        for table, rows in before.items()
    }
    found = {
        table: {
            uuid: {c: v for c, v in row.items() if c in kept[table].get(uuid, row)}
            for uuid, row in rows.items()
        }
        for table, rows in after.items()
        if table in kept
    }
    return kept == found
