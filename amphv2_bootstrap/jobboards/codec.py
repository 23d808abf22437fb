# SPDX-License-Identifier: Apache-2.0
"""An entry in the format of taskflow's boards, the same on every backend."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskflow.jobs import base

from amphv2_bootstrap.engine.board import NewEntry

_LOGGED = ("flow", "host", "job")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a board holds of one entry, after it was checked."""

    uuid: str
    name: str
    sequence: int
    details: Mapping[str, Any]
    book: Mapping[str, Any] | None
    created_on: datetime | None


def write_listing(
    new_entry: NewEntry, *, created_on: datetime | None = None
) -> dict[str, Any]:
    """``new_entry`` in taskflow's own format, so that its boards can read it."""
    fields = base.format_posting(
        new_entry.uuid,
        new_entry.name,
        created_on=created_on,
        details=dict(new_entry.details),
    )
    fields["sequence"] = new_entry.sequence
    if new_entry.book_uuid:
        fields["book"] = {"name": new_entry.book_name, "uuid": new_entry.book_uuid}
    return fields


def read_listing(fields: object, *, sequence: int | None = None) -> Listing | None:
    """Read what a board holds; None where it isn't an entry of this engine.

    :param sequence: the entry's number where the backend knows it better.
    """
    if not isinstance(fields, Mapping):
        return None
    number = fields.get("sequence") if sequence is None else sequence
    listing = Listing(
        uuid=fields.get("uuid", ""),
        name=fields.get("name", ""),
        sequence=number,  # type: ignore[arg-type]  # checked below
        details=fields.get("details", {}),
        book=fields.get("book"),
        created_on=fields.get("created_on"),
    )
    return listing if _is_sound(listing) else None


def _is_sound(listing: Listing) -> bool:
    return (
        all(_is_plain(text) and text for text in (listing.uuid, listing.name))
        and type(listing.sequence) is int
        and isinstance(listing.details, Mapping)
        and all(_is_plain(listing.details.get(name) or "") for name in _LOGGED)
        and isinstance(listing.book, Mapping | None)
    )


def _is_plain(text: object) -> bool:
    """Whether it is a text that begins no new line in a log."""
    return isinstance(text, str) and text.isprintable()
