# SPDX-License-Identifier: Apache-2.0
"""Reads what anybody may have written into a database or onto a board.

Python's parsers raise RecursionError for deep nesting, and later a walk through what
they have just accepted may. Nothing of ours is long or deep.
"""

import json
from collections.abc import Mapping
from typing import Any

LONGEST = 2**20
"""Characters, or bytes."""
DEEPEST = 50

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
