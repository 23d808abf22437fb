# SPDX-License-Identifier: Apache-2.0
"""What is read from a board is a valid entry, or nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.engine.board import NewEntry
from amphv2_bootstrap.jobboards.codec import read_listing, write_listing

NEW_ENTRY = NewEntry("uuid", 5, "cloud", {"host": "ctl1"}, "book-uuid", "book")


def test_what_is_written_is_read() -> None:
    """An entry is the same after it was written and read."""
    listing = read_listing(json.loads(json.dumps(write_listing(NEW_ENTRY))))
    assert listing is not None
    assert (listing.uuid, listing.sequence, listing.name) == ("uuid", 5, "cloud")
    assert listing.details == NEW_ENTRY.details
    assert listing.book == {"uuid": "book-uuid", "name": "book"}


@pytest.mark.parametrize(
    "change",
    [
        {"uuid": ""},
        {"uuid": None},
        {"name": 1},
        {"name": ["list"]},
        {"sequence": "5"},
        {"sequence": True},
        {"sequence": None},
        {"details": "text"},
        {"details": None},
        {"book": "text"},
    ],
    ids=str,
)
def test_malformed_is_nothing(change: dict[str, Any]) -> None:
    """With one field of a wrong type, it isn't an entry."""
    assert read_listing(write_listing(NEW_ENTRY)) is not None
    assert read_listing({**write_listing(NEW_ENTRY), **change}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(["uuid", "name", "sequence", "details", "book", "priority"])


@given(JSON | st.dictionaries(FIELDS, JSON))
def test_nothing_breaks_the_reader(fields: object) -> None:
    """Whatever a board holds, reading it raises nothing."""
    listing = read_listing(fields)
    assert listing is None or listing.uuid
