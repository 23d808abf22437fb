# SPDX-License-Identifier: Apache-2.0
"""``ensure-database``: the database for taskflow's persistence."""

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

    def act(self) -> StepResult:
        if self.context.spec.persistence.is_sqlite:
            return self._ensure_folder()
        name = database_name(self.context.spec)
        with admin(self.context) as session:
            if _charset(session, name) is None:
                self._create(session, name)
            charset = _charset(session, name)
        made = self.intents.all()
        if made:
            return StepResult(CHANGED, f"created the database {name}", made=made)
        return StepResult(
            UNCHANGED, f"the database {name} is there", _charset_warnings(name, charset)
        )

    def _create(self, session: sessions.Session, name: str) -> None:
        # utf8mb4 is for alembic_version only: the migrations name the charset of
        # the other tables themselves.
        sql = "CREATE DATABASE %s CHARACTER SET utf8mb4"
        made = f"database:{name}"
        with self.making(made):
            created = session.done(sql, sessions.Name(name), unless=(DATABASE_EXISTS,))
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

    def _ensure_folder(self) -> StepResult:
        file = self.context.spec.persistence.database
        if not file or file == ":memory:":
            return StepResult(NOT_APPLICABLE, "the database is in memory")
        folder = Path(file).parent
        if folder.is_dir():
            return StepResult(UNCHANGED, f"the folder {folder} is there")
        ownership.make_folder(folder, self.context.host.config_file)
        return StepResult(CHANGED, f"made the folder {folder}")


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
