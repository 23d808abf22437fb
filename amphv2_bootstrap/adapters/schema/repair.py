# SPDX-License-Identifier: Apache-2.0
"""Repairs a half-applied schema that holds rows.

A repair goes forward: it runs the missing statements of the migration, and writes the
revision's number last. If it is killed, the schema is half-applied again, and the next
run repairs it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amphv2_bootstrap.adapters.mysql.sessions import Session
from amphv2_bootstrap.adapters.schema.difference import Change, compare
from amphv2_bootstrap.adapters.schema.persistence_schema import (
    VERSION_TABLE,
    Schema,
    look,
)
from amphv2_bootstrap.adapters.schema.revisions import shape_at
from amphv2_bootstrap.adapters.schema.shape import (
    ATOMS,
    PRIMARY,
    Column,
    ForeignKey,
    Index,
    Piece,
    Shape,
)
from amphv2_bootstrap.errors import PermanentError

_ATTEMPTED = "repair the half-applied persistence schema"


@dataclass(frozen=True, slots=True)
class Orphans:
    """Rows without the parent that a foreign key requires."""

    key: ForeignKey
    look: str
    remove: str

    @property
    def exists(self) -> str:
        """The statement that returns whether there is one."""
        return f"SELECT EXISTS ({self.look})"


@dataclass(frozen=True, slots=True)
class Repair:
    """Statements that bring a schema to ``target`` without changing rows.

    ``certain``: they undo no choice of the operator and hide no loss, so they may run
    without a question.
    """

    target: str
    changes: tuple[str, ...]
    stamp: tuple[str, ...]
    certain: bool
    orphans: tuple[Orphans, ...] = ()


def repair_for(
    found: Schema, target: str, changes: Sequence[Change], *, certain: bool
) -> Repair:
    """The repair that completes ``target``."""
    return Repair(
        target,
        tuple(_statements(found.shape, shape_at(target), changes)),
        tuple(_stamp(found, target)),
        certain,
        tuple(_orphans(found.shape, changes)),
    )


def refuse_doubtful(
    session: Session, repair: Repair, *, reasons: Sequence[str], on: str
) -> None:
    """Refuse a repair that needs the operator's consent; change nothing.

    :param reasons: why the schema needs a repair.
    :param on: the database's name and place.
    :raises PermanentError: the repair isn't certain; the error has its statements.
    """
    orphans = [one for one in repair.orphans if session.value(one.exists)]
    if orphans or not repair.certain:
        raise PermanentError(
            _ATTEMPTED,
            on=on,
            why="; ".join([*reasons, _doubt(orphans)]),
            todo=by_hand(repair, orphans),
        )


def perform(session: Session, repair: Repair, *, on: str) -> None:
    """Run a repair; write the revision's number when all of its pieces exist.

    The caller must hold the lock for changes of tables, and have called
    :func:`refuse_doubtful`.

    :param on: the database's name and place, for errors.
    :raises DatabaseRefusalError: the server refused a statement.
    """
    for statement in repair.changes:
        session.rows(statement)
    found = look(session)
    if not compare(found.shape, repair.target, repair.target).is_whole:
        raise PermanentError(
            _ATTEMPTED,
            on=on,
            why=f"it isn't complete after {'; '.join(repair.changes)}: {found}",
            todo="Check whether a different program changes these tables.",
        )
    for statement in repair.stamp:
        session.rows(statement)


def _doubt(orphans: Sequence[Orphans]) -> str:
    if orphans:
        return "; ".join(f"rows lack the parent of the {one.key}" for one in orphans)
    return "data may be lost, so the repair needs your consent"


def by_hand(repair: Repair, orphans: Sequence[Orphans] = ()) -> str:
    """The advice for the operator, with the statements."""
    looks = "".join(f" {one.look};" for one in orphans)
    statements = [one.remove for one in orphans]
    statements += [*repair.changes, *repair.stamp]
    text = f"Dump the database.{' Look at:' if looks else ''}{looks}"
    run = " ".join(f"{statement};" for statement in statements)
    return f"{text} If you agree, run on it: {run} Then resume."


def _statements(
    found: Shape, target: Shape, changes: Sequence[Change]
) -> Iterator[str]:
    if ATOMS in found.tables and found.atoms != target.atoms:
        yield f"ALTER TABLE `{found.atoms}` RENAME TO `{target.atoms}`"
    whole_tables = target.tables - found.tables
    for table in dict.fromkeys(piece.table for piece in target.pieces.values()):
        if table in whole_tables:
            yield _create(table, target)
    # Drops come last, so that nothing is lost before the rest succeeds.
    for change in sorted(changes, key=lambda change: change.wanted is None):
        created = change.piece.table in whole_tables
        if not (created and _is_in_create(change.piece)):
            table = target.real(change.piece.table)
            yield f"ALTER TABLE `{table}` {_clause(change, target)}"


def _create(table: str, target: Shape) -> str:
    pieces = [p for p in target.pieces.values() if p.table == table]
    columns = [_definition(p) for p in pieces if isinstance(p, Column)]
    inner = ", ".join([*columns, "PRIMARY KEY (`uuid`)"])
    return (
        f"CREATE TABLE `{target.real(table)}` ({inner}) ENGINE=InnoDB"
        " DEFAULT CHARACTER SET utf8"  # as in the migrations, since keys need the same
    )


def _is_in_create(piece: Piece) -> bool:
    return isinstance(piece, Column) or piece.key[2] == PRIMARY


def _definition(column: Column) -> str:
    null = "NULL" if column.nullable else "NOT NULL"
    default = f" DEFAULT '{column.default}'" if column.default else ""
    return f"`{column.name}` {column.type} {null}{default}"


def _clause(change: Change, target: Shape) -> str:
    """The rest of ALTER TABLE after the table's name."""
    piece = change.piece
    if change.wanted is None:
        return f"DROP {piece.kind.upper()} `{piece.key[2]}`"
    if isinstance(piece, Column):
        verb = "MODIFY" if change.found else "ADD"
        return f"{verb} COLUMN {_definition(piece)}"
    if isinstance(piece, Index):
        return _index_clause(piece, replaced=change.found is not None)
    table = target.real(piece.table)
    return (
        f"ADD CONSTRAINT `{table}_ibfk_1` FOREIGN KEY (`{piece.column}`) REFERENCES"
        f" `{piece.parent}` (`{piece.parent_column}`) ON DELETE {piece.on_delete}"
    )


def _index_clause(index: Index, *, replaced: bool) -> str:
    columns = ", ".join(f"`{name}`" for name in index.columns)
    if index.name == PRIMARY:
        return f"ADD PRIMARY KEY ({columns})"
    drop = f"DROP INDEX `{index.name}`, " if replaced else ""
    unique = "UNIQUE " if index.unique else ""
    return f"{drop}ADD {unique}INDEX `{index.name}` ({columns})"


def _stamp(found: Schema, target: str) -> Iterator[str]:
    if found.revisions == (target,):
        return
    if VERSION_TABLE not in found.tables:
        yield (
            f"CREATE TABLE `{VERSION_TABLE}` (`version_num` VARCHAR(32) NOT NULL,"
            " CONSTRAINT `alembic_version_pkc` PRIMARY KEY (`version_num`))"
        )
    if len(found.revisions) == 1:
        yield f"UPDATE `{VERSION_TABLE}` SET `version_num` = '{target}'"  # noqa: S608
        return
    if found.revisions:
        yield f"DELETE FROM `{VERSION_TABLE}`"  # noqa: S608 - a constant
    yield f"INSERT INTO `{VERSION_TABLE}` (`version_num`) VALUES ('{target}')"  # noqa: S608


def _orphans(found: Shape, changes: Sequence[Change]) -> Iterator[Orphans]:
    """Queries for each missing foreign key between existing tables."""
    for change in changes:
        key = change.wanted
        if isinstance(key, ForeignKey) and {key.table, key.parent} <= found.tables:
            rows = (
                f"FROM `{found.real(key.table)}` AS child LEFT JOIN `{key.parent}` AS"
                f" parent ON parent.`{key.parent_column}` = child.`{key.column}`"
                f" WHERE child.`{key.column}` IS NOT NULL"
                f" AND parent.`{key.parent_column}` IS NULL"
            )
            yield Orphans(key, f"SELECT child.* {rows}", f"DELETE child {rows}")
