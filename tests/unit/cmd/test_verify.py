# SPDX-License-Identifier: Apache-2.0
"""How ``verify`` prints its findings for people."""

import argparse
import io

import pytest

from amphv2_bootstrap.cmd.verify import LinesFormatter

COLUMNS = ("check", "state", "message", "todo")


def _lines(*rows: tuple[str, str, str, str], columns: tuple[str, ...]) -> list[str]:
    stream = io.StringIO()
    chosen = [row[: len(columns)] for row in rows]
    LinesFormatter().emit_list(columns, chosen, stream, argparse.Namespace())
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("state", "last"),
    [
        ("ok", "The jobboard is proven: a job went through it."),
        ("failed", "The jobboard is NOT PROVEN."),
        ("warning", "The jobboard is NOT PROVEN."),
        ("skipped", "The jobboard is NOT PROVEN."),
    ],
)
def test_the_last_line_says_whether_it_is_proven(state: str, last: str) -> None:
    """The last line depends on the canary alone, and follows the advice."""
    rows = (
        ("schema", "failed", "the schema is behind", "Fix it."),
        ("canary", state, "as it went", ""),
    )
    lines = _lines(*rows, columns=COLUMNS)
    assert lines[0].startswith("FAILED   schema")
    assert "What to do:" in lines
    assert lines[-1] == last


def test_columns_that_were_left_out() -> None:
    """Without the column of states, no conclusion is printed."""
    lines = _lines(("canary", "ok", "whole", ""), columns=COLUMNS[:1])
    assert lines == ["         canary"]
