# SPDX-License-Identifier: Apache-2.0
"""The pieces of a schema of taskflow's persistence: columns, indexes, foreign keys.

Pieces always call the atoms' table ``atomdetails``. :attr:`Shape.atoms` is its real
name, which was ``taskdetails`` in the first revisions.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

ATOMS = "atomdetails"
OLD_ATOMS = "taskdetails"
PRIMARY = "PRIMARY"

_TEXTS = ("tinytext", "text", "mediumtext", "longtext")

Key = tuple[str, str, str]
"""A piece's identity: its kind, its table, its name."""
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """``type`` is as information_schema's COLUMN_TYPE, ``default`` unquoted."""

    kind: ClassVar[str] = "column"
    table: str
    name: str
    type: str
    nullable: bool = True
    default: str | None = None

    @property
    def key(self) -> Key:
        return (self.kind, self.table, self.name)

    def holds(self, wanted: "Column") -> bool:
        """Whether every value of ``wanted`` fits, as in a column that was widened."""
        return self.nullable >= wanted.nullable and _is_as_wide(self.type, wanted.type)

    @property
    def is_harmless(self) -> bool:
        """Whether programs that don't know the column can insert rows."""
        return self.nullable or self.default is not None

    def __str__(self) -> str:
        null = "" if self.nullable else " not null"
        return f"column {self.table}.{self.name} {self.type}{null}"


@dataclass(frozen=True, slots=True)
class Index:
    """An index; the primary key is called ``PRIMARY``."""

    kind: ClassVar[str] = "index"
    table: str
    name: str
    columns: tuple[str, ...] = ("uuid",)
    unique: bool = False

    @property
    def key(self) -> Key:
        return (self.kind, self.table, self.name)

    def holds(self, wanted: "Index") -> bool:
        return self.columns == wanted.columns and self.unique >= wanted.unique

    @property
    def is_harmless(self) -> bool:
        return not self.unique

    def __str__(self) -> str:
        unique = "unique " if self.unique else ""
        return f"{unique}index {self.name} of {self.table} on {', '.join(self.columns)}"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key from ``column`` to ``parent``. The server names it and its index,
    so the index isn't a piece."""

    kind: ClassVar[str] = "foreign key"
    table: str
    column: str
    parent: str
    parent_column: str = "uuid"
    on_delete: str = "CASCADE"

    @property
    def key(self) -> Key:
        return (self.kind, self.table, self.column)

    def holds(self, wanted: "ForeignKey") -> bool:
        return self == wanted

    @property
    def is_harmless(self) -> bool:
        return False

    def __str__(self) -> str:
        return (
            f"foreign key {self.table}.{self.column} to {self.parent}."
            f"{self.parent_column} on delete {self.on_delete.lower()}"
        )


Piece = Column | Index | ForeignKey


@dataclass(frozen=True, slots=True)
class Shape:
    """All pieces of a schema by key, in the order in which migrations make them."""

    pieces: Mapping[Key, Piece] = field(default_factory=dict)
    atoms: str = ATOMS

    @property
    def tables(self) -> frozenset[str]:
        return frozenset(table for _kind, table, _name in self.pieces)

    def real(self, table: str) -> str:
        """The name that the table has in the database."""
        return self.atoms if table == ATOMS else table


def holds(found: Piece, wanted: Piece) -> bool:
    """Whether ``found`` can replace ``wanted``."""
    if isinstance(found, Column) and isinstance(wanted, Column):
        return found.holds(wanted)
    if isinstance(found, Index) and isinstance(wanted, Index):
        return found.holds(wanted)
    return found == wanted


def may_become(found: Piece, wanted: Piece) -> bool:
    """Whether ``found`` can become ``wanted`` without changing a value."""
    if isinstance(found, Column) and isinstance(wanted, Column):
        return _is_as_wide(wanted.type, found.type) and (
            wanted.nullable >= found.nullable
        )
    return isinstance(found, Index) and found.name != PRIMARY


def _is_as_wide(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    if wide in _TEXTS and narrow in _TEXTS:
        return _TEXTS.index(wide) > _TEXTS.index(narrow)
    kind, arguments = _parse(wide)
    other, needed = _parse(narrow)
    if kind == other == "varchar":
        return int(arguments[0]) >= int(needed[0])
    if kind == other == "datetime":
        return int((arguments or ["0"])[0]) >= int((needed or ["0"])[0])
    return kind == other == "enum" and set(arguments) >= set(needed)


def _parse(column_type: str) -> tuple[str, list[str]]:
    kind, _, rest = column_type.partition("(")
    return kind, re.findall(r"'(?:[^']|'')*'|\d+", rest)


def read_shape(
    columns: Collection[Row], indexes: Iterable[Row], keys: Iterable[Row]
) -> Shape:
    """The shape from rows of information_schema.

    :param columns: table, name, type, is nullable (``YES``), default.
    :param indexes: table, name, is not unique, column; a row for each column, in
        order.
    :param keys: table, column, parent, parent's column, delete rule.
    """
    pieces: list[Piece] = [
        Column(_logical(table), str(name), str(kind), null == "YES", _default(default))
        for table, name, kind, null, default in columns
    ]
    foreign = [
        ForeignKey(
            _logical(table),
            str(column),
            _logical(parent),
            str(parent_column),
            str(rule),
        )
        for table, column, parent, parent_column, rule in keys
    ]
    # The server makes an index for each foreign key, which isn't a piece.
    served = {(key.table, (key.column,)) for key in foreign}
    pieces += [
        index
        for index in _indexes(indexes)
        if index.unique or (index.table, index.columns) not in served
    ]
    atoms = OLD_ATOMS if any(row[0] == OLD_ATOMS for row in columns) else ATOMS
    return Shape({piece.key: piece for piece in (*pieces, *foreign)}, atoms)


def _indexes(rows: Iterable[Row]) -> Iterable[Index]:
    columns: dict[tuple[str, str, bool], tuple[str, ...]] = {}
    for table, name, not_unique, column in rows:
        index = (_logical(table), str(name), not not_unique)
        columns[index] = (*columns.get(index, ()), str(column))
    return (
        Index(table, name, names, unique)
        for (table, name, unique), names in columns.items()
    )


def _logical(table: object) -> str:
    return ATOMS if table == OLD_ATOMS else str(table)


def _default(text: object) -> str | None:
    """MariaDB gives an expression (``NULL``, ``'a'``), MySQL the value."""
    return None if text in (None, "NULL") else str(text).strip("'")
