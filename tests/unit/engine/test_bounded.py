# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a database or on a board is read, or refused as malformed."""

import pytest

from amphv2_bootstrap.engine.bounded import (
    DEEPEST,
    LONGEST,
    checked,
    read_json,
    read_object,
)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 900 + "1" + "}" * 900,
        "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        '"' + "a" * LONGEST + '"',
        "1" * 5000,
        "",
        "nonsense",
        b"\xff\xfe\x00",
        b"\x80",
    ],
    ids=lambda text: str(text[:8]),
)
def test_malformed(text: str | bytes) -> None:
    """Length, depth, numbers and bytes that can't be read are a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        read_json(text)
    assert read_object(text) == {}


@pytest.mark.parametrize("text", ["[1]", "null", "1", '"a"'])
def test_no_object(text: str) -> None:
    """Only an object is one."""
    assert read_object(text) == {}


def test_what_we_write_is_read() -> None:
    """Usual values, and those that are just not too deep, are read."""
    assert read_json('{"a": ["b", null, 1.5, true]}') == {"a": ["b", None, 1.5, True]}
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert read_json(deep) == checked(read_json(deep))
    assert read_object('{"a": 1}') == {"a": 1}
