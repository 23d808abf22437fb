# SPDX-License-Identifier: Apache-2.0
"""Reading information_schema, and which piece can replace a different one."""

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
    """Rows become pieces with the newest names; a foreign key's index is none."""
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
    """Both MySQL's value and MariaDB's expression are read."""
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
    """A wider type can replace a narrower one, which can be widened."""
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
    """A type of a different kind neither replaces nor becomes the other."""
    one, other = Column("t", "c", found), Column("t", "c", wanted)
    assert not holds(one, other)
    assert not may_become(one, other)


def test_null() -> None:
    """A NOT NULL column can't replace a nullable one."""
    strict = Column("t", "c", "text", nullable=False)
    assert not holds(strict, Column("t", "c", "text"))
    assert may_become(strict, Column("t", "c", "text"))
    assert holds(Column("t", "c", "text"), strict)


def test_indexes() -> None:
    """A unique index can replace a plain one on the same columns."""
    unique = Index("t", "i", unique=True)
    assert holds(unique, Index("t", "i"))
    assert not holds(Index("t", "i"), unique)
    assert may_become(Index("t", "i"), unique)
    assert not holds(Index("t", "i", ("a",)), Index("t", "i"))
    assert not may_become(Index("t", "PRIMARY", ("a",)), Index("t", "PRIMARY"))
