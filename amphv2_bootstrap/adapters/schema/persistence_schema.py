# SPDX-License-Identifier: Apache-2.0
"""Reads and clears the schema of taskflow's persistence in a database."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from amphv2_bootstrap.adapters.mysql.errors import (
    NO_SUCH_TABLE,
    DatabaseRefusalError,
)
from amphv2_bootstrap.adapters.mysql.sessions import (
    LOCK_WAIT_SECONDS,
    Name,
    Session,
)
from amphv2_bootstrap.adapters.schema.changes_under_way import (
    catalogue_rows,
    still_changing,
    wait_for_changes,
)
from amphv2_bootstrap.adapters.schema.difference import compare
from amphv2_bootstrap.adapters.schema.revisions import CHAIN, ENDS_OF_RELEASES
from amphv2_bootstrap.adapters.schema.revisions import KNOWN_HEAD as KNOWN_HEAD
from amphv2_bootstrap.adapters.schema.shape import Shape, read_shape
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.server_errors.mysql import LOCKS_REFUSED

TABLES = frozenset({"logbooks", "flowdetails", "atomdetails"})
VERSION_TABLE = "alembic_version"
# The first migrations called atomdetails taskdetails. Children first.
_OURS = ("atomdetails", "taskdetails", "flowdetails", "logbooks", VERSION_TABLE)
_WITH_SHAPE = frozenset(_OURS) - {VERSION_TABLE}

_SHAPE_QUERIES = (
    "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT"
    " FROM information_schema.COLUMNS"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (%s, %s, %s, %s)"
    " ORDER BY TABLE_NAME, ORDINAL_POSITION",
    "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME"
    " FROM information_schema.STATISTICS"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (%s, %s, %s, %s)"
    " ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
    "SELECT k.TABLE_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME,"
    " k.REFERENCED_COLUMN_NAME, r.DELETE_RULE"
    " FROM information_schema.KEY_COLUMN_USAGE AS k"
    " JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r"
    " ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA"
    " AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME"
    " WHERE k.TABLE_SCHEMA = DATABASE() AND k.TABLE_NAME IN (%s, %s, %s, %s)",
)


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema. ``filled`` has the tables with rows, ``shape`` the pieces of taskflow's
    tables."""

    tables: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    revisions: tuple[str, ...] = ()
    shape: Shape = field(default_factory=Shape)

    @property
    def foreign(self) -> frozenset[str]:
        """Tables that don't belong to taskflow's persistence."""
        return self.tables - set(_OURS)

    @property
    def own(self) -> frozenset[str]:
        """The existing tables of taskflow's persistence."""
        return self.tables & set(_OURS)

    @property
    def rows_anywhere(self) -> frozenset[str]:
        """Tables with rows, except that of the revision."""
        return self.filled - {VERSION_TABLE}

    @property
    def may_be_cleared(self) -> bool:
        """Whether the database has only taskflow's tables, without rows."""
        return bool(self.own and not self.foreign and not self.rows_anywhere)

    def is_complete(self, revision: str) -> bool:
        """Whether the schema has this revision's number and all of its pieces.

        Of an unknown revision, it must only have the tables.
        """
        if not self.tables >= TABLES or self.revisions != (revision,):
            return False
        return revision not in CHAIN or compare(self.shape, revision, revision).is_whole

    def is_of_a_release(self) -> bool:
        """Whether some release of taskflow may be using the schema as it is."""
        return any(self.is_complete(revision) for revision in ENDS_OF_RELEASES)

    def __str__(self) -> str:
        tables = ", ".join(sorted(self.tables)) or "none"
        filled = ", ".join(sorted(self.rows_anywhere)) or "none"
        revision = ", ".join(self.revisions) or "none"
        return f"tables: {tables}; with rows: {filled}; revision: {revision}"


def look(
    session: Session, *, rows: bool = True, seconds: float = LOCK_WAIT_SECONDS
) -> Schema:
    """The schema of the database that the session has entered; writes nothing.

    It is read again until two readings agree, since a statement may change a table
    between two queries; each reading waits for the statements that are under way.

    :param rows: look for rows, too, in all tables.
    :param seconds: how long to wait for a schema at rest.
    :raises TransientError: it is still being changed.
    :raises CancelledError: the session's step was cancelled.
    """
    deadline = time.monotonic() + seconds
    found = _read(session, deadline)
    while (again := _read(session, deadline)) != found:
        if time.monotonic() > deadline:
            raise still_changing(session, f"its tables changed for {seconds:g} s")
        found = again
    names = sorted(found.tables) if rows else ()
    return replace(
        found, filled=frozenset(name for name in names if _has_row(session, name))
    )


def _read(session: Session, deadline: float) -> Schema:
    wait_for_changes(session, _OURS, deadline)
    listed = catalogue_rows(
        session,
        deadline,
        "SELECT TABLE_NAME FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW'",
    )
    tables = frozenset(str(row[0]) for row in listed)
    revisions = _revisions(session) if VERSION_TABLE in tables else ()
    shape = _look_at_shape(session, deadline) if tables & _WITH_SHAPE else Shape()
    return Schema(tables, revisions=revisions, shape=shape)


def _has_row(session: Session, table: str) -> bool:
    with _unless_gone():
        return bool(session.value("SELECT EXISTS (SELECT 1 FROM %s)", Name(table)))
    return False


def _revisions(session: Session) -> tuple[str, ...]:
    with _unless_gone():
        rows = session.rows("SELECT version_num FROM alembic_version ORDER BY 1")
        return tuple(str(row[0]) for row in rows)
    return ()


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    """Ignore the error of a table that was dropped meanwhile."""
    try:
        yield
    except DatabaseRefusalError as exc:
        if exc.code != NO_SUCH_TABLE:
            raise


def _look_at_shape(session: Session, deadline: float) -> Shape:
    names = sorted(_WITH_SHAPE)
    queries = _SHAPE_QUERIES
    return read_shape(*(catalogue_rows(session, deadline, q, *names) for q in queries))


def drops(found: Schema) -> tuple[str, ...]:
    """The statements of :func:`clear`."""
    return tuple(f"DROP TABLE `{name}`" for name in _OURS if name in found.own)


def clear(session: Session) -> None:
    """Drop the tables of a half-made schema if none has a row; safe to run twice.

    Locks the tables, so that no row is inserted between the check and the drop. Where
    the server refuses that, an Octavia that begins to use the tables just then fails as
    it does without tables.

    :raises PermanentError: a table has rows.
    """
    schema = look(session)
    own = [name for name in _OURS if name in schema.own]
    if not own:
        return
    locks = ", ".join(["%s WRITE"] * len(own))
    names = [Name(name) for name in own]
    is_locked = session.done(f"LOCK TABLES {locks}", *names, unless=LOCKS_REFUSED)
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
                why=f"rows were inserted into {', '.join(filled)}",
                todo="Check whether an Octavia uses this database, then run again.",
            )
        for statement in drops(schema):
            session.rows(statement)
    finally:
        if is_locked:
            session.rows("UNLOCK TABLES")
