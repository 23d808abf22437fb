# SPDX-License-Identifier: Apache-2.0
"""``ensure-database``: the database for taskflow's persistence."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

from amphv2_bootstrap.adapters.mysql import sessions
from amphv2_bootstrap.adapters.mysql.errors import DATABASE_EXISTS
from amphv2_bootstrap.adapters.octavia import ownership
from amphv2_bootstrap.adapters.schema import persistence_schema
from amphv2_bootstrap.spec.server_errors.mysql import UNKNOWN_DATABASE
from amphv2_bootstrap.steps.base import (
    CHANGED,
    NOT_APPLICABLE,
    UNCHANGED,
    Change,
    Kind,
    Seen,
    Step,
    StepResult,
)
from amphv2_bootstrap.steps.target_database import admin, database_name

# A trigger belongs to a table, and a MariaDB sequence is a table with a row.
_BESIDE_TABLES = (
    "SELECT EXISTS (SELECT 1 FROM information_schema.VIEWS"
    " WHERE TABLE_SCHEMA = DATABASE())"
    " OR EXISTS (SELECT 1 FROM information_schema.ROUTINES"
    " WHERE ROUTINE_SCHEMA = DATABASE())"
    " OR EXISTS (SELECT 1 FROM information_schema.EVENTS"
    " WHERE EVENT_SCHEMA = DATABASE())"
)


class EnsureDatabase(Step):
    """Create the database if it is missing; never change an existing one."""

    atom_name = "ensure-database"

    @property
    def aim(self) -> str:
        wanted = self.context.spec.persistence
        if wanted.is_sqlite:
            return f"make the folder of {wanted.place} where it is missing"
        name = database_name(self.context.spec)
        return f"create the database {name} on {wanted.place} where it is missing"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        if self.context.spec.persistence.is_sqlite:
            return self._look_at_folder()
        name = database_name(self.context.spec)
        with admin(self.context) as session:
            charset, place = _charset(session, name), session.place
        warnings = _charset_warnings(name, charset)
        there = StepResult(UNCHANGED, f"the database {name} is there", warnings)
        if charset is not None:
            return Seen(there)
        # utf8mb4 is for alembic_version only: the migrations name the charset of
        # the other tables themselves.
        sql = "CREATE DATABASE %s CHARACTER SET utf8mb4"
        statement = sessions.Statement(sql, (sessions.Name(name),))
        create = partial(self._create, statement, name)
        return Seen(there, (Change(Kind.SQL, place, str(statement), create),))

    def conclude(self, seen: Seen) -> StepResult:
        made = self.intents.all()
        if made:
            name = database_name(self.context.spec)
            return StepResult(CHANGED, f"created the database {name}", made=made)
        is_sqlite = self.context.spec.persistence.is_sqlite
        # Without a note another client has just made it.
        return self.look().result if seen.changes and not is_sqlite else seen.result

    def _create(self, statement: sessions.Statement, name: str) -> None:
        made = f"database:{name}"
        with admin(self.context) as session, self.making(made):
            created = session.run(statement, unless=(DATABASE_EXISTS,))
        if not created:
            self.intents.remove(made)  # another client has just made it

    def undo(self, result: StepResult) -> None:
        """Drop the database that this step made if it has only tables without rows."""
        for made in result.made:
            kind, _, name = made.partition(":")
            if kind == "database":
                self._drop_unused(name)

    def _drop_unused(self, name: str) -> None:
        with admin(self.context) as session:
            if _charset(session, name) is None:
                return
            if not session.done(
                "USE %s", sessions.Name(name), unless=(UNKNOWN_DATABASE,)
            ):
                return
            filled = persistence_schema.look(session).rows_anywhere
            if not filled and not session.value(_BESIDE_TABLES):
                session.rows("DROP DATABASE IF EXISTS %s", sessions.Name(name))

    def _look_at_folder(self) -> Seen:
        file = self.context.spec.persistence.database
        if not file or file == ":memory:":
            return Seen(StepResult(NOT_APPLICABLE, "the database is in memory"))
        folder, conf = Path(file).parent, self.context.host.config_file
        if folder.is_dir():
            return Seen(StepResult(UNCHANGED, f"the folder {folder} is there"))
        make = partial(ownership.make_folder, folder, conf)
        change = Change(Kind.FOLDER, self.context.host.name, str(folder), make)
        return Seen(StepResult(CHANGED, f"made the folder {folder}"), (change,))


def _charset(session: sessions.Session, name: str) -> str | None:
    charset = session.value(
        "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA"
        " WHERE SCHEMA_NAME = %s",
        name,
    )
    return None if charset is None else str(charset)


def _charset_warnings(name: str, charset: str | None) -> tuple[str, ...]:
    if charset is None or charset.startswith("utf8"):
        return ()
    return (
        f"The database {name} has the character set {charset}, not utf8mb4. taskflow's "
        "tables set their own; other tables would get this one.",
    )
