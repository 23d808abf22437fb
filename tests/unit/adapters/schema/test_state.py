# SPDX-License-Identifier: Apache-2.0
"""Classifying schemas: every state that a killed upgrade can leave, and others."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from amphv2_bootstrap.adapters.schema.persistence_schema import TABLES, Schema
from amphv2_bootstrap.adapters.schema.revisions import (
    CHAIN,
    KNOWN_HEAD,
    REVISIONS,
    shape_at,
)
from amphv2_bootstrap.adapters.schema.shape import (
    ATOMS,
    OLD_ATOMS,
    Column,
    ForeignKey,
    Index,
    Key,
    Piece,
    Shape,
)
from amphv2_bootstrap.adapters.schema.state import State, classify

VERSION = "alembic_version"
RESULTS = ("column", ATOMS, "results")
FLOW_INDEX = ("index", "flowdetails", "flowdetails_uuid_idx")
FLOW_KEY = ("foreign key", "flowdetails", "parent_uuid")


def schema(shape: Shape, *revisions: str, more: Iterable[str] = ()) -> Schema:
    """A schema of this shape with rows in its tables."""
    tables = frozenset(shape.real(table) for table in shape.tables)
    return Schema(tables | {VERSION, *more}, tables, revisions, shape)


def changed(shape: Shape, pieces: Mapping[Key, Piece | None]) -> Shape:
    """The shape with pieces changed or removed."""
    merged = {**shape.pieces, **pieces}
    return replace(shape, pieces={k: p for k, p in merged.items() if p is not None})


def whole(revision: str = KNOWN_HEAD, *revisions: str) -> Schema:
    return schema(shape_at(revision), *(revisions or (revision,)))


def between(number: int) -> Iterable[Shape]:
    """Every shape between the revision with that number and the one before.

    Any part of the changes may be done, in any order; a replaced index may be missing.
    """
    old, new = (shape_at(name) for name in CHAIN[number - 1 : number + 1])
    keys = [
        key
        for key in {**old.pieces, **new.pieces}
        if old.pieces.get(key) != new.pieces.get(key)
    ]
    options = [{old.pieces.get(key), new.pieces.get(key)} for key in keys]
    for key, option in zip(keys, options, strict=True):
        option |= {None} if key[0] == "index" else set()
    for pieces in itertools.product(*options):
        for atoms in {old.atoms, new.atoms}:
            changes = dict(zip(keys, pieces, strict=True))
            yield replace(changed(old, changes), atoms=atoms)


def test_absent() -> None:
    """A database without taskflow's tables and without a revision is ABSENT."""
    assert classify(Schema()).state is State.ABSENT
    assert classify(Schema(frozenset({VERSION}))).state is State.ABSENT


@pytest.mark.parametrize("revision", CHAIN)
def test_whole(revision: str) -> None:
    """Each revision's own shape is HEAD or BEHIND."""
    verdict = classify(whole(revision))
    state = State.HEAD if revision == KNOWN_HEAD else State.BEHIND
    assert (verdict.state, verdict.revision) == (state, revision)
    assert (verdict.reasons, verdict.remarks, verdict.repair) == ((), (), None)


@pytest.mark.parametrize("number", range(1, len(REVISIONS)))
def test_between_two_revisions(number: int) -> None:
    """Any part of a migration is explained, and its repair is certain."""
    old, new = CHAIN[number - 1 : number + 1]
    shapes = list(between(number))
    for shape in shapes:
        verdict = classify(schema(shape, old))
        if shape == shape_at(old):
            assert (verdict.state, verdict.revision) == (State.BEHIND, old)
            continue
        assert (verdict.state, verdict.revision) == (State.HALF, new), shape
        assert verdict.repair is not None
        assert verdict.repair.certain
        assert verdict.reasons
    assert shape_at(new) in shapes


FIRST = list(shape_at(CHAIN[0]).pieces.values())


@pytest.mark.parametrize("tables", [1, 2, 3])
@pytest.mark.parametrize("others", range(6))
def test_within_the_first_revision(tables: int, others: int) -> None:
    """The first migration makes tables, then keys, then indexes."""
    names = ["logbooks", "flowdetails", ATOMS][:tables]
    late: list[Piece] = [p for p in FIRST if isinstance(p, ForeignKey)]
    late += [p for p in FIRST if isinstance(p, Index) and p.name != "PRIMARY"]
    kept = [p for p in FIRST if p not in late and p.table in names]
    kept += late[:others] if tables == 3 else []
    verdict = classify(schema(Shape({p.key: p for p in kept}, OLD_ATOMS)))
    assert (verdict.state, verdict.revision) == (State.HALF, CHAIN[0])
    assert verdict.repair is not None
    assert verdict.repair.certain
    assert len([s for s in verdict.repair.changes if "CREATE TABLE" in s]) == 3 - tables


def test_number_lost() -> None:
    """Complete tables without a revision get the number of their shape."""
    for revision in CHAIN[1:]:
        verdict = classify(schema(shape_at(revision)))
        assert verdict.state is State.HALF
        assert verdict.repair is not None
        assert verdict.repair.certain
        assert shape_at(verdict.repair.target) == shape_at(revision)
        assert verdict.repair.changes == ()


@pytest.mark.parametrize("revisions", [(CHAIN[3],), (CHAIN[3], CHAIN[-1])])
def test_number_that_contradicts(revisions: tuple[str, ...]) -> None:
    """The repair of complete tables with a wrong number isn't certain."""
    verdict = classify(schema(shape_at(KNOWN_HEAD), *revisions))
    assert (verdict.state, verdict.revision) == (State.HALF, KNOWN_HEAD)
    assert verdict.repair is not None
    assert not verdict.repair.certain
    assert KNOWN_HEAD in verdict.repair.stamp[-1]


@pytest.mark.parametrize(
    ("key", "piece", "statement"),
    [
        (FLOW_INDEX, None, "ADD UNIQUE INDEX `flowdetails_uuid_idx` (`uuid`)"),
        (
            FLOW_INDEX,
            Index("flowdetails", "flowdetails_uuid_idx"),
            "DROP INDEX `flowdetails_uuid_idx`, ADD UNIQUE INDEX",
        ),
        (FLOW_KEY, None, "ADD CONSTRAINT `flowdetails_ibfk_1` FOREIGN KEY"),
        (RESULTS, Column(ATOMS, "results", "text"), "MODIFY COLUMN `results` longtext"),
    ],
)
def test_lost_pieces_without_data(
    key: Key, piece: Piece | None, statement: str
) -> None:
    """A lost index, key or width at the head is made again."""
    found = schema(changed(shape_at(KNOWN_HEAD), {key: piece}), KNOWN_HEAD)
    assert not found.is_complete(KNOWN_HEAD)
    verdict = classify(found)
    assert (verdict.state, verdict.revision) == (State.HALF, KNOWN_HEAD)
    assert verdict.repair is not None
    assert verdict.repair.certain
    assert len(verdict.repair.changes) == 1
    assert statement in verdict.repair.changes[0]
    assert verdict.repair.stamp == ()


def test_lost_column_is_not_certain() -> None:
    """The repair of a lost column isn't certain, since its values are lost."""
    found = schema(changed(shape_at(KNOWN_HEAD), {RESULTS: None}), KNOWN_HEAD)
    verdict = classify(found)
    assert verdict.state is State.HALF
    assert verdict.reasons == ("column atomdetails.results longtext is missing",)
    assert verdict.repair is not None
    assert not verdict.repair.certain
    assert verdict.repair.changes == (
        "ALTER TABLE `atomdetails` ADD COLUMN `results` longtext NULL",
    )


def test_lost_table_is_not_certain() -> None:
    """The repair of a lost table isn't certain, since its rows are lost."""
    head = shape_at(KNOWN_HEAD)
    pieces = {key: p for key, p in head.pieces.items() if key[1] != ATOMS}
    found = schema(Shape(pieces), KNOWN_HEAD)
    verdict = classify(found)
    assert verdict.state is State.HALF
    assert verdict.repair is not None
    assert not verdict.repair.certain
    assert verdict.repair.changes[0].startswith("CREATE TABLE `atomdetails` (")


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (Column(ATOMS, "results", "int(11)"), "results int(11) should be column"),
        (Column(ATOMS, "extra", "text", nullable=False), "extra text not null should"),
        (Index("logbooks", "mine", ("name",), unique=True), "mine of logbooks on name"),
        (ForeignKey("logbooks", "name", "others"), "foreign key logbooks.name"),
    ],
)
def test_shape_of_no_revision(piece: Piece, reason: str) -> None:
    """A harmful piece that no revision explains makes a schema FOREIGN."""
    found = schema(changed(shape_at(KNOWN_HEAD), {piece.key: piece}), KNOWN_HEAD)
    verdict = classify(found)
    assert verdict.state is State.FOREIGN
    assert reason in "; ".join(verdict.reasons)


def test_column_of_a_later_revision() -> None:
    """A piece that a later migration makes must not exist before it."""
    early = Column(ATOMS, "revert_results", "text")
    found = schema(changed(shape_at(CHAIN[1]), {early.key: early}), CHAIN[1])
    verdict = classify(found)
    assert verdict.state is State.FOREIGN
    assert verdict.reasons == (
        "column atomdetails.revert_results text should not be there",
    )


@pytest.mark.parametrize(
    "piece",
    [
        Column(ATOMS, "note", "text"),
        Index(ATOMS, "by_state", ("state",)),
        Column(ATOMS, "meta", "longtext"),
        Column(ATOMS, "name", "varchar(300)"),
        Column("logbooks", "created_at", "datetime(6)"),
    ],
)
@pytest.mark.parametrize("revision", ["40fc8c914bd2", KNOWN_HEAD])
def test_harmless_additions(piece: Piece, revision: str) -> None:
    """An operator's additions and wider columns don't stop an upgrade."""
    shape = changed(shape_at(revision), {piece.key: piece})
    verdict = classify(schema(shape, revision))
    assert verdict.state in (State.HEAD, State.BEHIND)
    assert len(verdict.remarks) == (piece.key not in shape_at(revision).pieces)


def test_other_tables() -> None:
    """Other tables make a schema FOREIGN, unless it is complete at the head."""
    strangers = ("the table amphora", "the table pool")
    for found in (
        Schema(frozenset({"amphora", "pool"})),
        schema(shape_at(CHAIN[2]), CHAIN[2], more=("amphora", "pool")),
    ):
        verdict = classify(found)
        assert (verdict.state, verdict.reasons) == (State.FOREIGN, strangers)
    done = classify(schema(shape_at(KNOWN_HEAD), KNOWN_HEAD, more=("amphora", "pool")))
    assert (done.state, done.remarks) == (State.HEAD, strangers)


@pytest.mark.parametrize("head", CHAIN[:-1])
def test_a_newer_taskflow_has_upgraded_it(head: str) -> None:
    """Every later revision is AHEAD of an older taskflow's, also with other tables."""
    chain = CHAIN[: CHAIN.index(head) + 1]
    for revision in CHAIN[len(chain) :]:
        if not whole(revision).tables >= TABLES:
            continue  # no release ends there
        verdict = classify(whole(revision), chain)
        assert (verdict.state, verdict.revision) == (State.AHEAD, revision)
        assert verdict.remarks == ()
    found = schema(shape_at(KNOWN_HEAD), KNOWN_HEAD, more=("copy",))
    verdict = classify(found, chain)
    assert (verdict.state, verdict.remarks) == (State.AHEAD, ("the table copy",))


def test_a_newer_upgrade_was_killed() -> None:
    """It is HALF, and not for an older taskflow to repair."""
    shape = changed(shape_at(KNOWN_HEAD), {FLOW_KEY: None})
    verdict = classify(schema(shape, KNOWN_HEAD), CHAIN[:-1])
    assert (verdict.state, verdict.repair) == (State.HALF, None)
    assert "newer taskflow" in verdict.reasons[-1]


def test_a_revision_that_nobody_knows() -> None:
    """Beside whole tables it is AHEAD, with a remark; FOREIGN with other tables."""
    verdict = classify(whole(KNOWN_HEAD, "deadbeef"))
    assert (verdict.state, verdict.revision) == (State.AHEAD, "deadbeef")
    assert verdict.remarks == ("what the revision deadbeef is isn't known here",)
    for found in (
        schema(shape_at(KNOWN_HEAD), "deadbeef", more=("amphora",)),
        Schema(frozenset({VERSION, "logbooks"}), revisions=("deadbeef",)),
        whole(KNOWN_HEAD, "deadbeef", KNOWN_HEAD),
    ):
        verdict = classify(found)
        assert verdict.state is State.FOREIGN
        assert "deadbeef, which belongs to a different" in verdict.reasons[-1]


def test_both_names_of_the_atoms() -> None:
    """A schema with both tables for the atoms is FOREIGN."""
    found = schema(shape_at(KNOWN_HEAD), KNOWN_HEAD, more=(OLD_ATOMS,))
    verdict = classify(found)
    assert verdict.state is State.FOREIGN
    assert verdict.reasons == ("both tables, taskdetails and atomdetails",)


def test_taskflow_newer_than_ours() -> None:
    """Of unknown revisions, only the number and the tables count."""
    chain = (*CHAIN, "newer1", "newer2")
    assert classify(whole(KNOWN_HEAD), chain).state is State.BEHIND
    assert classify(whole(KNOWN_HEAD, "newer1"), chain).state is State.BEHIND
    assert classify(whole(KNOWN_HEAD, "newer2"), chain).state is State.HEAD
    half = Schema(TABLES - {ATOMS} | {VERSION}, TABLES, ("newer2",))
    verdict = classify(half, chain)
    assert (verdict.state, verdict.repair) == (State.HALF, None)
    unknown = Column(ATOMS, "extra", "text", nullable=False)
    shape = changed(shape_at(KNOWN_HEAD), {unknown.key: unknown})
    verdict = classify(schema(shape, KNOWN_HEAD), chain)
    assert (verdict.state, verdict.repair) == (State.HALF, None)


def test_orphans_are_asked_for() -> None:
    """The repair looks for rows that would violate a foreign key."""
    found = schema(changed(shape_at(CHAIN[2]), {FLOW_KEY: None}), CHAIN[2])
    repair = classify(found).repair
    assert repair is not None
    (orphans,) = repair.orphans
    assert orphans.exists == (
        "SELECT EXISTS (SELECT child.* FROM `flowdetails` AS child LEFT JOIN `logbooks`"
        " AS parent ON parent.`uuid` = child.`parent_uuid` WHERE child.`parent_uuid`"
        " IS NOT NULL AND parent.`uuid` IS NULL)"
    )
