# SPDX-License-Identifier: Apache-2.0
"""A setting changes one line and keeps every other byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.adapters.install.config_lines import Setting, with_setting
from amphv2_bootstrap.errors import PermanentError

APPEND = Setting("appendonly", "appendonly yes")
PORT = Setting("clientPort", "clientPort=2182", separator=r"\s*=")


def test_the_last_line_that_counts_is_replaced() -> None:
    """Earlier lines stay, since the server obeys the last."""
    before = b"appendonly no\n# appendonly maybe\n  AppendOnly no\nport 1\n"
    after = b"appendonly no\n# appendonly maybe\nappendonly yes\nport 1\n"
    assert with_setting(before, APPEND) == after


def test_a_missing_line_goes_behind_its_example() -> None:
    """A missing line follows its commented example."""
    before = b"a 1\n# appendonly no\nb 2\n"
    after = b"a 1\n# appendonly no\nappendonly yes\nb 2\n"
    assert with_setting(before, APPEND) == after


def test_a_missing_line_without_example_goes_to_the_end() -> None:
    """A missing line ends the file, also if the last line has no end."""
    assert with_setting(b"a 1", APPEND) == b"a 1\nappendonly yes\n"
    assert with_setting(b"", APPEND) == b"appendonly yes\n"


def test_a_longer_name_is_a_different_setting() -> None:
    """Only the whole name matches."""
    before = b"appendonlyfile x\nclientPortAddress=::1\n"
    assert with_setting(before, APPEND) == before + b"appendonly yes\n"
    assert with_setting(before, PORT) == before + b"clientPort=2182\n"


def test_equals_signs_may_have_spaces() -> None:
    """Spaces before the equals sign are allowed, as in Java's properties."""
    assert with_setting(b"clientPort = 1\n", PORT) == b"clientPort=2182\n"


def test_line_ends_and_odd_bytes_stay() -> None:
    """Windows line ends, form feeds and bytes that aren't UTF-8 stay."""
    before = b"a \xff\r\nb \x0c c\r\n"
    assert with_setting(before, APPEND) == before + b"appendonly yes\r\n"


LINES = st.lists(
    st.sampled_from([b"appendonly no", b"#appendonly x", b"", b"port 1", b"\xff\x85"])
)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_twice_is_once_and_the_rest_stays(
    lines: list[bytes], end: bytes, ended: bool
) -> None:
    """A second run changes nothing, and all other lines stay."""
    before = end.join(lines) + (end if ended else b"")
    after = with_setting(before, APPEND)
    assert with_setting(after, APPEND) == after
    assert _others(after) == _others(before)
    settings = [line for line in after.splitlines() if line.startswith(b"appendonly")]
    assert settings[-1] == b"appendonly yes"


def _others(text: bytes) -> list[bytes]:
    lines = text.splitlines()
    return [line for line in lines if line and not line.startswith(b"appendonly")]


def test_no_value_begins_a_line_of_its_own() -> None:
    """A line break or another control character in a value is refused."""
    for text in ("x\nrequirepass y", "x\rrequirepass y", "x\x0by", "x\u2028y"):
        with pytest.raises(PermanentError, match="control character"):
            Setting("user", f"user {text}")
