# SPDX-License-Identifier: Apache-2.0
"""How ``verify`` prints its findings for people, and what it finds of the engine."""

import argparse
import io
from typing import Any

import pytest

from amphv2_bootstrap.checks.finding import WARNING, Finding
from amphv2_bootstrap.cmd import verify
from amphv2_bootstrap.cmd.verify import LinesFormatter
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError

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


class _Engine:
    """A runtime of backends with these risks, or with this error."""

    def __init__(self, *found: str | DatabaseUnavailableError) -> None:
        self._found = found

    def risks(self) -> list[str]:
        for each in self._found:
            if isinstance(each, DatabaseUnavailableError):
                raise each
        return [str(each) for each in self._found]


def _findings(engine: Any) -> list[Finding]:
    context: Any = None
    return list(verify._engine(engine)(context))


def test_risks_of_the_engine_are_warnings() -> None:
    """One for each, and none where the engine's backends lose nothing."""
    found = _findings(_Engine("It may be lost.", "And this."))
    assert found == [
        Finding("engine", WARNING, "It may be lost."),
        Finding("engine", WARNING, "And this."),
    ]
    assert _findings(_Engine()) == []


def test_an_engine_that_is_away_fails_no_verification() -> None:
    """The jobboard of Octavia may work all the same: it is a warning."""
    (found,) = _findings(_Engine(DatabaseUnavailableError("read it", why="gone")))
    assert (found.check, found.state, found.message) == (
        "engine",
        WARNING,
        "read it: gone",
    )
