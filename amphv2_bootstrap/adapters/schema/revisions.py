# SPDX-License-Identifier: Apache-2.0
"""The pieces of each revision of taskflow's persistence schema.

Source: the migrations of taskflow 6.5.0, run on MariaDB. A test runs those of the
installed taskflow and fails if they differ.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from amphv2_bootstrap.adapters.schema.shape import (
    ATOMS,
    OLD_ATOMS,
    PRIMARY,
    Column,
    ForeignKey,
    Index,
    Key,
    Piece,
    Shape,
)


@dataclass(frozen=True, slots=True)
class Revision:
    """One migration. ``adds`` has added pieces, and changed ones in their new form.

    ``renames`` is the new name of the atoms' table.
    """

    name: str
    adds: tuple[Piece, ...] = ()
    drops: tuple[Key, ...] = ()
    renames: str | None = None


def _text(name: str, size: str = "text", table: str = ATOMS) -> Column:
    return Column(table, name, size)


def _stamps(table: str) -> tuple[Column, ...]:
    names = ("created_at", "updated_at")
    return tuple(Column(table, name, "datetime") for name in names)


def _names(table: str, *columns: str) -> tuple[Column, ...]:
    return tuple(Column(table, name, "varchar(255)") for name in columns)


def _uuid(table: str) -> tuple[Piece, ...]:
    return (
        Column(table, "uuid", "varchar(64)", nullable=False),
        Index(table, PRIMARY, unique=True),
    )


def _index(table: str, name: str, *, unique: bool = False) -> Index:
    return Index(table, name, unique=unique)


_BOOKS, _FLOWS = "logbooks", "flowdetails"
_INDEXES = (
    (_BOOKS, "logbook_uuid_idx"),
    (_FLOWS, "flowdetails_uuid_idx"),
    (ATOMS, "taskdetails_uuid_idx"),
)
_FIRST: tuple[Piece, ...] = (
    *_stamps(_BOOKS),
    _text("meta", table=_BOOKS),
    *_names(_BOOKS, "name"),
    *_uuid(_BOOKS),
    *_stamps(_FLOWS),
    Column(_FLOWS, "parent_uuid", "varchar(64)"),
    _text("meta", table=_FLOWS),
    *_names(_FLOWS, "state", "name"),
    *_uuid(_FLOWS),
    *_stamps(ATOMS),
    Column(ATOMS, "parent_uuid", "varchar(64)"),
    _text("meta"),
    *_names(ATOMS, "name"),
    _text("results"),
    Column(ATOMS, "version", "varchar(64)"),
    _text("stacktrace"),
    _text("exception"),
    *_names(ATOMS, "state"),
    *_uuid(ATOMS),
    ForeignKey(_FLOWS, "parent_uuid", _BOOKS),
    ForeignKey(ATOMS, "parent_uuid", _FLOWS),
    *(_index(*index) for index in _INDEXES),
)

REVISIONS = (
    Revision("1cea328f0f65", _FIRST, renames=OLD_ATOMS),
    Revision(
        "1c783c0c2875",
        (_text("failure"),),
        (("column", ATOMS, "exception"), ("column", ATOMS, "stacktrace")),
    ),
    Revision(
        "84d6e888850",
        (Column(ATOMS, "atom_type", "enum('RETRY_DETAIL','TASK_DETAIL')"),),
    ),
    Revision(
        "14b227d79a87",
        (
            Column(
                ATOMS,
                "intention",
                "enum('EXECUTE','IGNORE','REVERT','RETRY')",
                default="EXECUTE",
            ),
        ),
    ),
    Revision("589dccdf2b6e", renames=ATOMS),
    Revision("3162c0f3f8e4", (_text("revert_results"), _text("revert_failure"))),
    Revision("2ad4984f2864"),  # only for PostgreSQL
    Revision("0bc3e1a3c135", (_text("results", "longtext"),)),
    Revision("6df9422fcb43", (_text("meta", "longtext", _FLOWS),)),
    Revision(
        "40fc8c914bd2",
        (_text("failure", "longtext"), _text("revert_failure", "longtext")),
    ),
    Revision("00af93df9d77", tuple(_index(*index, unique=True) for index in _INDEXES)),
)
"""All migrations of taskflow 6.5, first to last."""

CHAIN = tuple(revision.name for revision in REVISIONS)
KNOWN_HEAD = CHAIN[-1]
ENDS_OF_RELEASES = frozenset(
    {KNOWN_HEAD, "40fc8c914bd2", "6df9422fcb43", "0bc3e1a3c135"}
)
"""Heads of the taskflow releases that support Octavia's jobboard."""
_HEADS = (
    ((6,), "00af93df9d77"),
    ((5,), "40fc8c914bd2"),
    ((4, 6, 1), "6df9422fcb43"),
    ((0,), "0bc3e1a3c135"),
)
"""Each release of taskflow from which on that is the head, newest first."""
OF_REVISION = (
    "taskflow up to 4.6.0 wants 0bc3e1a3c135, later 4.6 wants 6df9422fcb43, 5 wants "
    "40fc8c914bd2, 6 wants 00af93df9d77"
)


def known_to(taskflow: str) -> tuple[str, ...]:
    """The revisions that this version of taskflow knows; empty if we can't tell."""
    version = tuple(map(int, re.findall(r"\d+", taskflow)[:3]))
    if not version or version[0] > _HEADS[0][0][0]:
        return ()
    head = next(name for oldest, name in _HEADS if version >= oldest)
    return CHAIN[: CHAIN.index(head) + 1]


@functools.cache
def shape_at(name: str | None) -> Shape:
    """The whole shape at a revision; empty for None, which precedes the first.

    :raises KeyError: the revision isn't one of :data:`REVISIONS`.
    """
    if name is None:
        return Shape(atoms=OLD_ATOMS)
    if name not in CHAIN:
        raise KeyError(name)
    before = CHAIN.index(name)
    revision = REVISIONS[before]
    last = shape_at(CHAIN[before - 1] if before else None)
    pieces = {k: piece for k, piece in last.pieces.items() if k not in revision.drops}
    pieces.update({piece.key: piece for piece in revision.adds})
    return Shape(pieces, revision.renames or last.atoms)


def next_after(name: str | None, chain: Sequence[str]) -> str | None:
    """The next revision in ``chain``; None if its shape isn't known."""
    place = chain.index(name) + 1 if name is not None else 0
    following = chain[place] if place < len(chain) else None
    return following if following in CHAIN else None


def keys_added_after(name: str | None) -> frozenset[Key]:
    """The keys that later migrations add or change."""
    later = REVISIONS[CHAIN.index(name) + 1 if name is not None else 0 :]
    return frozenset(piece.key for revision in later for piece in revision.adds)
