# SPDX-License-Identifier: Apache-2.0
"""Compares the shape of a database with one revision, or with two neighbours.

A killed upgrade leaves a shape between two revisions: each piece is that of the old
revision or of the new one, or an index that the upgrade replaces is missing.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from amphv2_bootstrap.adapters.schema.revisions import CHAIN, keys_added_after, shape_at
from amphv2_bootstrap.adapters.schema.shape import (
    ATOMS,
    PRIMARY,
    Column,
    Index,
    Key,
    Piece,
    Shape,
    holds,
    may_become,
)


@dataclass(frozen=True, slots=True)
class Change:
    """A piece that must become a different one; None stands for a missing piece."""

    found: Piece | None
    wanted: Piece | None

    @property
    def piece(self) -> Piece:
        """The wanted piece, else the one to drop."""
        piece = self.wanted or self.found
        assert piece is not None  # noqa: S101
        return piece

    @property
    def lost_data(self) -> bool:
        """Whether the missing piece held values, which are lost."""
        if self.found is not None:
            return False
        primary = isinstance(self.wanted, Index) and self.wanted.name == PRIMARY
        return primary or isinstance(self.wanted, Column)

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.wanted} is missing"
        if self.wanted is None:
            return f"{self.found} should be gone"
        return f"{self.found} should be {self.wanted}"


@dataclass(slots=True)
class Difference:
    """The difference from the revisions ``old`` and ``new``.

    ``begun``: some piece of the new revision exists. ``pending``: the changes from here
    to the new one. ``lost``: missing pieces that both revisions have. ``unexplained``:
    pieces that neither has. ``remarks``: harmless additions.
    """

    begun: bool = False
    pending: list[Change] = field(default_factory=list)
    lost: list[Change] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether the shape is exactly that of the old revision, except for remarks."""
        return not (self.begun or self.lost or self.unexplained)


def compare(found: Shape, old: str | None, new: str | None) -> Difference:
    """Compare with the revision ``old``, and ``new`` after it.

    :param new: the same as ``old`` to compare with one revision.
    """
    before, after = shape_at(old), shape_at(new)
    difference = Difference()
    _compare_name(difference, found, before, after)
    for key in {**before.pieces, **after.pieces}:
        change = Change(found.pieces.get(key), after.pieces.get(key))
        if _is_torn(change, found, before):
            difference.unexplained.append(str(change))
        else:
            _sort(difference, change, before.pieces.get(key))
    known = before.pieces.keys() | after.pieces.keys()
    _sort_additions(difference, found, known, keys_added_after(new))
    return difference


def _compare_name(
    difference: Difference, found: Shape, before: Shape, after: Shape
) -> None:
    if ATOMS not in found.tables:
        return
    if found.atoms not in (before.atoms, after.atoms):
        difference.unexplained.append(
            f"the table {found.atoms} should be called {after.atoms}"
        )
    elif before.atoms != after.atoms and found.atoms == after.atoms:
        difference.begun = True


def _is_torn(change: Change, found: Shape, before: Shape) -> bool:
    """Whether a table lacks a piece of the statement that creates it."""
    return change.lost_data and change.piece.table in found.tables - before.tables


def _sort(difference: Difference, change: Change, before: Piece | None) -> None:
    there, after = change.found, change.wanted
    if _is_satisfied(there, after):
        difference.begun |= before != after
    elif _is_satisfied(there, before):
        difference.pending.append(change)
    elif there is not None and (after is None or not may_become(there, after)):
        difference.unexplained.append(str(change))
    elif before == after or change.lost_data:
        difference.lost.append(change)
    else:
        difference.begun = True  # between the old and the new revision
        difference.pending.append(change)


def _is_satisfied(found: Piece | None, wanted: Piece | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return holds(found, wanted)


def _sort_additions(
    difference: Difference, found: Shape, known: Set[Key], later: Set[Key]
) -> None:
    for key, piece in found.pieces.items():
        if key in known:
            continue
        if piece.is_harmless and key not in later:
            difference.remarks.append(f"{piece} is an addition")
        else:
            difference.unexplained.append(f"{piece} should not be there")


def wholes(found: Shape) -> Iterator[str]:
    """The revisions that have exactly this shape, last to first."""
    for name in reversed(CHAIN):
        if compare(found, name, name).is_whole:
            yield name
