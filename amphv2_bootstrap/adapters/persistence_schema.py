# SPDX-License-Identifier: Apache-2.0
"""The schema of taskflow's persistence, as it is found in a database."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.mysql import Name, Session
from amphv2_bootstrap.errors import PermanentError, TransientError

TABLES = frozenset({"logbooks", "flowdetails", "atomdetails"})
VERSION_TABLE = "alembic_version"
# taskdetails is what the first migrations called atomdetails. Children first.
_OURS = ("atomdetails", "taskdetails", "flowdetails", "logbooks", VERSION_TABLE)

KNOWN_HEAD = "00af93df9d77"
ENDS_OF_RELEASES = frozenset(
    {KNOWN_HEAD, "40fc8c914bd2", "6df9422fcb43", "0bc3e1a3c135"}
)
"""Revisions that were the head of some taskflow with Octavia's jobboard."""
REVISIONS = ENDS_OF_RELEASES | {
    "1cea328f0f65",
    "1c783c0c2875",
    "84d6e888850",
    "14b227d79a87",
    "589dccdf2b6e",
    "3162c0f3f8e4",
    "2ad4984f2864",
}
"""All revisions of taskflow 6.5; another one belongs to another program."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What is there. ``filled`` names the tables that hold a row."""

    tables: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    revisions: tuple[str, ...] = ()

    @property
    def foreign(self) -> frozenset[str]:
        """Tables that aren't of taskflow's persistence."""
        return self.tables - set(_OURS)

    @property
    def own(self) -> frozenset[str]:
        """The tables of taskflow's persistence that are there."""
        return self.tables & set(_OURS)

    @property
    def rows_anywhere(self) -> frozenset[str]:
        """Tables with rows, leaving out the revision."""
        return self.filled - {VERSION_TABLE}

    @property
    def of_another_program(self) -> bool:
        """Whether the revision is one that taskflow doesn't know."""
        return not set(self.revisions) <= REVISIONS

    @property
    def may_be_cleared(self) -> bool:
        """Whether there is something of ours here, and nothing of value."""
        return bool(
            self.own
            and not self.foreign
            and not self.rows_anywhere
            and not self.of_another_program
        )

    def is_complete(self, head: str) -> bool:
        return self.tables >= TABLES and self.revisions == (head,)

    def is_of_a_release(self, head: str) -> bool:
        """Whether a taskflow may be using it as it is, maybe an older one."""
        return (
            self.tables >= TABLES
            and len(self.revisions) == 1
            and self.revisions[0] in ENDS_OF_RELEASES | {head}
        )

    def __str__(self) -> str:
        tables = ", ".join(sorted(self.tables)) or "none"
        filled = ", ".join(sorted(self.rows_anywhere)) or "none"
        revision = ", ".join(self.revisions) or "none"
        return f"tables: {tables}; with rows: {filled}; revision: {revision}"


def look(session: Session) -> Schema:
    """The schema of the database that the session has entered; writes nothing."""
    rows = session.rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW'"
    )
    tables = frozenset(str(row[0]) for row in rows)
    filled = frozenset(
        name
        for name in sorted(tables)
        if session.value("SELECT EXISTS (SELECT 1 FROM %s)", Name(name))
    )
    revisions = (
        session.rows("SELECT version_num FROM alembic_version ORDER BY version_num")
        if VERSION_TABLE in tables
        else []
    )
    return Schema(tables, filled, tuple(str(row[0]) for row in revisions))


def clear(session: Session) -> None:
    """Drop the tables of a half-made schema, if none of them holds a row.

    They are locked while that is looked at, so that no row comes in between.
    Killed in the middle it leaves less of the same, and may be run again.

    :raises PermanentError: there is something that must not be dropped.
    """
    own = [name for name in _OURS if name in look(session).own]
    if not own:
        return
    locks = ", ".join(["%s WRITE"] * len(own))
    names = [Name(name) for name in own]
    session.rows(f"LOCK TABLES {locks}", *names)
    try:
        filled = [
            name
            for name in own
            if name != VERSION_TABLE
            and session.value("SELECT COUNT(*) FROM %s", Name(name))
        ]
        if filled:
            raise PermanentError(
                "clear the half-made persistence schema",
                on=session.place,
                why=f"rows came into {', '.join(filled)}",
                todo="Is an Octavia using this database? Run the bootstrap again.",
            )
        for name in names:
            session.rows("DROP TABLE %s", name)
    finally:
        session.rows("UNLOCK TABLES")


def look_at_file(path: Path) -> Schema:
    """The schema in a SQLite file; empty where there is no file. Writes nothing.

    taskflow makes SQLite's tables without alembic, so there is no revision.

    :raises TransientError: it is locked.
    :raises PermanentError: it can't be read, or isn't a database.
    """
    if not path.exists():
        return Schema()
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            rows = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as exc:
        kind = TransientError if "locked" in str(exc) else PermanentError
        raise kind("read the database", on=str(path), why=str(exc)) from exc
    return Schema(frozenset(str(row[0]) for row in rows))
