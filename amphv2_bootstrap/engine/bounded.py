# SPDX-License-Identifier: Apache-2.0
"""Reads what anybody may have written into a database or onto a board.

Python's parsers raise RecursionError for deep nesting, and later a walk through what
they have just accepted may. Nothing of ours is long or deep.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

LOG = logging.getLogger(__name__)

LONGEST = 2**20
"""Characters, or bytes."""
DEEPEST = 50

LATEST = 10.0**11
"""Seconds since the epoch: datetime knows no year after 9999."""
EARLIEST = -6.0 * 10**10
"""It knows no year before 1, either."""
_LARGEST = 2**63
_ID = re.compile("[0-9a-f-]{36}")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_FORMS = {"uuid": _ID, "job_uuid": _ID, "host": _NAME}
"""Of what commands are made of that operators copy."""

_CONTAINERS = (dict, list, tuple, set, frozenset)


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    :raises ValueError: the text is no JSON, too long or too deep.
    """
    check_length(text)
    try:
        return checked(json.loads(text))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def read_object(text: str | bytes) -> Mapping[str, Any]:
    """The value of a JSON object; an empty one for anything else."""
    try:
        found = read_json(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def check_length(text: str | bytes) -> None:
    """:raises ValueError: it is too long."""
    if len(text) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST}")


def checked(value: Any) -> Any:
    """The value itself.

    :raises ValueError: it is nested too deep.
    """
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, _CONTAINERS)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return value
    raise ValueError("it is nested too deep")


def sound(table: sa.Table, rows: Iterable[Any]) -> Iterator[Any]:
    """The rows that the engine can have written; the log has the keys of the others.

    An account that may alter the table may have given its columns other types. What is
    short has no character that a terminal may obey; texts may have some.

    :param rows: of queries that have all columns of the table, and may have more.
    """
    for row in rows:
        wrong = [one.name for one in table.columns if not _fits(one, row._mapping)]
        if wrong:
            keys = [str(getattr(row, key.name))[:99] for key in table.primary_key]
            text = "Somebody has changed %s of %r in the table %s: it is ignored"
            LOG.error(text, ", ".join(wrong), keys, table.name)
        else:
            yield row


def _fits(column: "sa.Column[Any]", values: Mapping[str, Any]) -> bool:
    value, kind = values[column.name], column.type
    if value is None:
        return bool(column.nullable)
    if isinstance(kind, sa.Double):
        return isinstance(value, int | float) and EARLIEST < value < LATEST
    if isinstance(kind, sa.Integer):
        return isinstance(value, int) and abs(value) < _LARGEST
    if isinstance(kind, sa.Text):
        return isinstance(value, str)
    if isinstance(kind, sa.String):
        return isinstance(value, str) and _is_plain(column.name, value)
    return True


def _is_plain(name: str, value: str) -> bool:
    form = _FORMS.get(name)
    return value.isprintable() if form is None else bool(form.fullmatch(value))
