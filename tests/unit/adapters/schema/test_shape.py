# SPDX-License-Identifier: Apache-2.0
"""Reading information_schema, and which piece is as good as another."""

import pytest

from amphv2_bootstrap.adapters.schema.shape import (
    ATOMS,
    OLD_ATOMS,
    Column,
    ForeignKey,
    Index,
    holds,
    may_become,
    read_shape,
)


def test_read() -> None:
    """Rows become pieces, the index of a key isn't one, names are the last ones."""
    shape = read_shape(
        [
            (OLD_ATOMS, "uuid", "varchar(64)", "NO", None),
            (OLD_ATOMS, "parent_uuid", "varchar(64)", "YES", "NULL"),
        ],
        [
            (OLD_ATOMS, "PRIMARY", 0, "uuid"),
            (OLD_ATOMS, "of_the_key", 1, "parent_uuid"),
            (OLD_ATOMS, "two", 1, "uuid"),
            (OLD_ATOMS, "two", 1, "parent_uuid"),
        ],
        [(OLD_ATOMS, "parent_uuid", "flowdetails", "uuid", "CASCADE")],
    )
    assert shape.atoms == OLD_ATOMS
    assert shape.real(ATOMS) == OLD_ATOMS
    assert list(shape.pieces.values()) == [
        Column(ATOMS, "uuid", "varchar(64)", nullable=False),
        Column(ATOMS, "parent_uuid", "varchar(64)"),
        Index(ATOMS, "PRIMARY", unique=True),
        Index(ATOMS, "two", ("uuid", "parent_uuid")),
        ForeignKey(ATOMS, "parent_uuid", "flowdetails"),
    ]


@pytest.mark.parametrize("default", ["EXECUTE", "'EXECUTE'"])
def test_defaults_of_both_servers(default: str) -> None:
    """MySQL tells the value, MariaDB an expression."""
    shape = read_shape([("logbooks", "a", "text", "YES", default)], [], [])
    assert [str(piece.default) for piece in shape.pieces.values()] == ["EXECUTE"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("longtext", "text"),
        ("mediumtext", "text"),
        ("varchar(300)", "varchar(255)"),
        ("datetime(6)", "datetime"),
        ("enum('a','b','c')", "enum('c','a')"),
    ],
)
def test_wider_types(wide: str, narrow: str) -> None:
    """The wider is as good as the narrower, which can be made into it."""
    one, other = Column("t", "c", wide), Column("t", "c", narrow)
    assert holds(one, other)
    assert not holds(other, one)
    assert may_become(other, one)
    assert not may_become(one, other)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("text", "varchar(255)"),
        ("int(11)", "text"),
        ("json", "longtext"),
        ("enum('a')", "enum('b')"),
    ],
)
def test_other_types(found: str, wanted: str) -> None:
    """A type of another kind is neither as good nor changed."""
    one, other = Column("t", "c", found), Column("t", "c", wanted)
    assert not holds(one, other)
    assert not may_become(one, other)


def test_null() -> None:
    """A column that refuses NULL is less than one that takes it."""
    strict = Column("t", "c", "text", nullable=False)
    assert not holds(strict, Column("t", "c", "text"))
    assert may_become(strict, Column("t", "c", "text"))
    assert holds(Column("t", "c", "text"), strict)


def test_indexes() -> None:
    """A unique index does what a plain one does, on the same columns."""
    unique = Index("t", "i", unique=True)
    assert holds(unique, Index("t", "i"))
    assert not holds(Index("t", "i"), unique)
    assert may_become(Index("t", "i"), unique)
    assert not holds(Index("t", "i", ("a",)), Index("t", "i"))
    assert not may_become(Index("t", "PRIMARY", ("a",)), Index("t", "PRIMARY"))
