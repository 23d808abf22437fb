# SPDX-License-Identifier: Apache-2.0
"""The properties of a schema."""

import pytest

from amphv2_bootstrap.adapters.schema.persistence_schema import (
    TABLES,
    Schema,
)
from amphv2_bootstrap.adapters.schema.revisions import KNOWN_HEAD, shape_at

ALL = TABLES | {"alembic_version"}
HALF = frozenset({"alembic_version", "logbooks", "taskdetails"})
SHAPE = shape_at(KNOWN_HEAD)
OLDER = "40fc8c914bd2"


def test_complete() -> None:
    """A complete schema has every piece and exactly one revision."""
    assert Schema(ALL, revisions=(KNOWN_HEAD,), shape=SHAPE).is_complete(KNOWN_HEAD)
    for wrong in (
        Schema(ALL, revisions=(OLDER,), shape=SHAPE),
        Schema(ALL, revisions=(), shape=SHAPE),
        Schema(ALL, revisions=(KNOWN_HEAD, OLDER), shape=SHAPE),
        Schema(ALL, revisions=(KNOWN_HEAD,), shape=shape_at(OLDER)),
        Schema(ALL - {"logbooks"}, revisions=(KNOWN_HEAD,)),
        Schema(),
    ):
        assert not wrong.is_complete(KNOWN_HEAD)


def test_head_that_we_do_not_know() -> None:
    """Of a newer taskflow's revision, only the tables are checked."""
    assert Schema(ALL, revisions=("123456789abc",)).is_complete("123456789abc")


def test_of_a_release() -> None:
    """An Octavia may be using a complete schema at an older release's head."""
    older = Schema(ALL, revisions=(OLDER,), shape=shape_at(OLDER))
    assert older.is_of_a_release()
    assert not Schema(ALL, revisions=("3162c0f3f8e4",)).is_of_a_release()


@pytest.mark.parametrize(
    ("schema", "clearable"),
    [
        (Schema(HALF), True),
        (Schema(HALF, filled=frozenset({"alembic_version"})), True),
        (Schema(frozenset({"alembic_version"}), revisions=(KNOWN_HEAD,)), True),
        (Schema(), False),
        (Schema(HALF, filled=frozenset({"logbooks"})), False),
        (Schema(HALF | {"load_balancer"}), False),
    ],
)
def test_what_may_be_cleared(schema: Schema, clearable: bool) -> None:
    """Only empty tables of taskflow, alone in their database, may be cleared."""
    assert schema.may_be_cleared is clearable
