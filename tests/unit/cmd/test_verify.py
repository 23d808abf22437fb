# SPDX-License-Identifier: Apache-2.0
"""How ``verify`` prints its findings for people, and what it finds of the engine."""

import argparse
import io
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.checks.finding import WARNING, Finding
from amphv2_bootstrap.cmd import verify
from amphv2_bootstrap.cmd.runtime import Runtime
from amphv2_bootstrap.cmd.verify import LinesFormatter
from amphv2_bootstrap.conf.build import build
from amphv2_bootstrap.conf.loading import load
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.records import Drain
from amphv2_bootstrap.engine.storage.control.draining import drain
from tests.unit.conf.configuration import Configuration

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
        self.drained: list[Drain] = []

    def risks(self) -> list[str]:
        for each in self._found:
            if isinstance(each, DatabaseUnavailableError):
                raise each
        return [str(each) for each in self._found]

    def drains(self) -> list[Drain]:
        return self.drained


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


def test_a_drained_host_is_a_warning() -> None:
    """It says who has drained it, and what ends that."""
    engine = _Engine()
    engine.drained = [Drain("ctl2", 1.0, "root@ctl1")]
    (found,) = _findings(engine)
    assert found.state == WARNING
    assert found.message == "root@ctl1 has drained ctl2: its flows wait"
    assert found.todo == "Run 'amphv2-bootstrap conductor undrain ctl2'."


def test_drains_are_read_without_making_tables(tmp_path: Path) -> None:
    """Before the first job there is no database, and after it the drain is found."""
    configuration = Configuration(tmp_path)
    file = tmp_path / "engine.sqlite"
    own = {"persistence_connection": f"sqlite:///{file}"}
    configuration.change({"task_flow": own})
    configuration.write(configuration.text())
    runtime = Runtime(build(load(config_files=[str(configuration.path)])))
    assert runtime.drains() == []
    assert not file.exists()
    drain(runtime.journal, "ctl2", "root@ctl1")
    assert [each.host for each in runtime.drains()] == ["ctl2"]


def test_an_engine_that_is_away_fails_no_verification() -> None:
    """The jobboard of Octavia may work all the same: it is a warning."""
    (found,) = _findings(_Engine(DatabaseUnavailableError("read it", why="gone")))
    assert (found.check, found.state, found.message) == (
        "engine",
        WARNING,
        "read it: gone",
    )
