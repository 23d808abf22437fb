# SPDX-License-Identifier: Apache-2.0
"""Colours of states: only on a terminal, and nothing of the text is changed."""

import io
import re

import pytest

from amphv2_bootstrap.cmd.output.colours import console
from amphv2_bootstrap.cmd.output.timeline import step_lines
from tests.unit.cmd.reports import task


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _printed(text: str, stream: io.StringIO) -> str:
    console(stream).print(text, end="", soft_wrap=True)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("line", "coloured"),
    [
        ("state:        running", "\x1b[33mrunning\x1b[0m"),
        ("cloud: done", "\x1b[32mdone\x1b[0m"),
        ("controller on ctl1: parked", "\x1b[31mparked\x1b[0m"),
        (step_lines(task("a", "FAILURE"))[0], "\x1b[31mFAILED\x1b[0m"),
        (step_lines(task("a", "REVERT_FAILURE"))[0], "\x1b[31mUNDO FAILED\x1b[0m"),
    ],
)
def test_a_state_has_a_colour(line: str, coloured: str) -> None:
    """The state alone, so that the line can be read without colours, too."""
    shown = _printed(line, _Terminal())
    assert coloured in shown
    assert re.sub(r"\x1b\[\d*m", "", shown) == line


@pytest.mark.parametrize(
    "text",
    [
        "  ! a step failed: parked [red] :warning: x\n",
        "  octavia done, and " + "a line that is longer than the terminal " * 9,
        "cloud: pending\n",
    ],
)
def test_other_words_stay_as_they_are(text: str) -> None:
    """A reason may have the same words, or what looks like markup."""
    assert _printed(text, _Terminal()) == text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """By https://no-color.org; and without a terminal there are none either."""
    assert _printed("cloud: done", io.StringIO()) == "cloud: done"
    monkeypatch.setenv("NO_COLOR", "1")
    assert _printed("cloud: done", _Terminal()) == "cloud: done"
