# SPDX-License-Identifier: Apache-2.0
"""``plan`` shows what each step sees, goes on after problems, and changes nothing.

Here no server answers; ``tests/functional/test_plan.py`` has real clouds.
"""

import argparse
import contextlib
import fcntl
import io
import json
import os
import pty
import re
import struct
import termios
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd import plan
from amphv2_bootstrap.cmd.main import main
from amphv2_bootstrap.flows.outlines import OUTLINES
from amphv2_bootstrap.posting.composition import flow_runs_of
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.steps.base import Change, Kind
from tests.unit.cmd.smallest import write_configuration
from tests.unit.irreplaceable import WAYS

_TWO = """\
install_key_value_backend = True
key_value_hosts = ctl2
restart_commands = systemctl restart 'octavia worker'
jobboard_backend_password = no-such-word
"""


def _two(folder: Path) -> Path:
    return write_configuration(folder, _TWO, controllers="ctl1, ctl2")


def _plan(config: Path, *arguments: str) -> int:
    return main(["--config-file", str(config), "plan", *arguments])


def test_every_step_is_there_in_its_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step has its flow, its host and its aim; a problem ends no look."""
    assert _plan(_two(tmp_path), "-f", "json") == 1
    rows = json.loads(capsys.readouterr().out)
    spec = Spec(
        DatabaseUrl("sqlite"),
        {},
        ("ctl1", "ctl2"),
        install_key_value_backend=True,
        key_value_hosts=("ctl2",),
    )
    assert [(row["flow"], row["host"], row["step"]) for row in rows] == [
        (flow_run.flow, flow_run.host, name)
        for flow_run in flow_runs_of(spec)
        for name in OUTLINES[flow_run.flow].names
    ]
    assert sorted(row["stage"] for row in rows) == [row["stage"] for row in rows]
    assert all(row["aim"] for row in rows)
    states = {(row["step"], row["host"]): row["state"] for row in rows}
    assert states["check-prerequisites", None] == "problem"
    assert states["ensure-key-value-backend", None] == "unseen"
    assert states["write-octavia-configuration", "ctl1"] == "changes"
    assert states["write-octavia-configuration", "ctl2"] == "elsewhere"
    assert states["check-effective-configuration", "ctl1"] == "unseen"
    restart = next(row for row in rows if row["step"] == "restart-octavia-services")
    assert restart["changes"] == [
        {"kind": "restart", "on": "ctl1", "text": "systemctl restart 'octavia worker'"}
    ]


def test_the_lines_name_this_clouds_things(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines name this cloud's hosts, database, accounts and files; no secret."""
    assert _plan(_two(tmp_path)) == 1
    shown = capsys.readouterr()
    text = " ".join(shown.out.split())
    assert "Stage 0: key-value-host on ctl2 install-key-value-host elsewhere" in text
    assert text.count("run 'amphv2-bootstrap plan' on ctl2") == 1
    assert "Stage 1: cloud on any controller check-prerequisites problem" in text
    assert "database octavia_persistence on 127.0.0.1:3306" in text
    assert "'o'@'localhost', 'o'@'%'" in text
    assert "Problem: the same as of ensure-database" in text
    assert f"[task_flow] of {tmp_path}/octavia.conf" in text
    assert "+jobboard_backend_password = ***" in text
    assert "a job would park there" in shown.err
    assert "systemctl restart 'octavia worker'" in text
    assert "no-such-word" not in text


@pytest.mark.parametrize(
    ("column", "line"),
    [("step", "  check-prerequisites"), ("host", "on any controller")],
)
def test_columns_that_were_not_asked_for_are_left_out(
    column: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines for people have only the columns that were asked for."""
    assert _plan(write_configuration(tmp_path), "-c", column) == 1
    assert capsys.readouterr().out.startswith(line + "\n")


class Terminal(io.StringIO):
    """Keeps what is written to a terminal of 61 columns."""

    def __init__(self) -> None:
        super().__init__()
        self._leader, self._follower = pty.openpty()
        size = struct.pack("HHHH", 24, 61, 0, 0)
        fcntl.ioctl(self._follower, termios.TIOCSWINSZ, size)

    def fileno(self) -> int:
        return self._follower

    def close(self) -> None:
        super().close()
        os.close(self._leader)
        os.close(self._follower)


def test_prose_fits_the_terminal_and_changes_stay_whole() -> None:
    """What is said is broken between words; a statement can be copied."""
    words, statement = "it isn't there yet " * 8, "GRANT SELECT ON `octavia` " * 5
    changes = plan.Changes((Change(Kind.SQL, "db:3306", statement.strip()),))
    head = (1, "cloud", plan.Host(None), "ensure-database", words, "changes", "")
    row = (*head, changes, words, [words], words)
    with contextlib.closing(Terminal()) as terminal:
        formatter = plan.StepsFormatter()
        formatter.emit_list(plan._COLUMNS, [row], terminal, argparse.Namespace())
        lines = terminal.getvalue().splitlines()
    assert f"      sql (db:3306): {statement.strip()}" in lines
    prose = [line for line in lines if "sql (" not in line]
    assert len(prose) > 2 + 3 * 2
    assert 50 < max(map(len, prose)) <= 61


def test_nothing_is_changed(tmp_path: Path) -> None:
    """``plan`` creates nothing, not even the engine's own database."""
    config = write_configuration(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert _plan(config) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_an_invalid_configuration_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a post: all problems are reported together, with exit code 2."""
    more = "jobboard_backend_driver = paper\ngrant_hosts =\n"
    assert _plan(write_configuration(tmp_path, more), "--controllers", "ctl9") == 2
    captured = capsys.readouterr()
    assert "paper" in captured.err
    assert "ctl9" in captured.err
    assert not captured.out


@pytest.mark.parametrize("way", WAYS)
def test_an_octavia_conf_that_cannot_be_replaced_is_a_problem(
    way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the step that would write it; the other steps are shown."""
    config = write_configuration(tmp_path)
    make, words = WAYS[way]
    with make(tmp_path / "octavia.conf"):
        problem = _problem(config, capsys)
    assert re.search(words, problem)
    assert not _problem(config, capsys)


def test_a_jobboard_that_no_load_balancer_would_use_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan says which provider to set, unless the job sets it."""
    conf = "[api_settings]\ndefault_provider_driver = amphorav1\n"
    (tmp_path / "octavia.conf").write_text(conf)
    problem = _problem(write_configuration(tmp_path), capsys)
    assert "set default_provider_driver = amphora," in problem
    more = "set_default_provider = true\n"
    assert not _problem(write_configuration(tmp_path, more), capsys)


def _problem(config: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """That of write-octavia-configuration."""
    assert _plan(config, "-f", "json") == 1
    rows = json.loads(capsys.readouterr().out)
    (row,) = (row for row in rows if row["step"] == "write-octavia-configuration")
    return str(row["problem"])
