# SPDX-License-Identifier: Apache-2.0
"""One line changed, every other byte kept."""

from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.adapters.install.config_lines import Setting, with_setting

APPEND = Setting("appendonly", "appendonly yes")
PORT = Setting("clientPort", "clientPort=2182", separator=r"\s*=")


def test_the_last_line_that_counts_is_replaced() -> None:
    """Earlier ones stay, since the server obeys the last."""
    before = b"appendonly no\n# appendonly maybe\n  AppendOnly no\nport 1\n"
    after = b"appendonly no\n# appendonly maybe\nappendonly yes\nport 1\n"
    assert with_setting(before, APPEND) == after


def test_a_missing_line_goes_behind_its_example() -> None:
    """There the operator looks for it."""
    before = b"a 1\n# appendonly no\nb 2\n"
    after = b"a 1\n# appendonly no\nappendonly yes\nb 2\n"
    assert with_setting(before, APPEND) == after


def test_a_missing_line_without_example_goes_to_the_end() -> None:
    """Also where the last line has no end."""
    assert with_setting(b"a 1", APPEND) == b"a 1\nappendonly yes\n"
    assert with_setting(b"", APPEND) == b"appendonly yes\n"


def test_a_longer_name_is_another_setting() -> None:
    """A name counts as a whole."""
    before = b"appendonlyfile x\nclientPortAddress=::1\n"
    assert with_setting(before, APPEND) == before + b"appendonly yes\n"
    assert with_setting(before, PORT) == before + b"clientPort=2182\n"


def test_equals_signs_may_have_spaces() -> None:
    """Java's properties allow them."""
    assert with_setting(b"clientPort = 1\n", PORT) == b"clientPort=2182\n"


def test_line_ends_and_odd_bytes_stay() -> None:
    """Windows line ends, form feeds and bytes that aren't UTF-8."""
    before = b"a \xff\r\nb \x0c c\r\n"
    assert with_setting(before, APPEND) == before + b"appendonly yes\r\n"


LINES = st.lists(
    st.sampled_from([b"appendonly no", b"#appendonly x", b"", b"port 1", b"\xff\x85"])
)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_twice_is_once_and_the_rest_stays(
    lines: list[bytes], end: bytes, ended: bool
) -> None:
    """Idempotent; without the setting's lines the text is what it was."""
    before = end.join(lines) + (end if ended else b"")
    after = with_setting(before, APPEND)
    assert with_setting(after, APPEND) == after
    assert _others(after) == _others(before)
    settings = [line for line in after.splitlines() if line.startswith(b"appendonly")]
    assert settings[-1] == b"appendonly yes"


def _others(text: bytes) -> list[bytes]:
    lines = text.splitlines()
    return [line for line in lines if line and not line.startswith(b"appendonly")]
