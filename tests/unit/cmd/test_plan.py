# SPDX-License-Identifier: Apache-2.0
"""``plan`` shows all steps, and changes nothing."""

import json
import re
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd.main import main
from amphv2_bootstrap.flows.outlines import OUTLINES
from amphv2_bootstrap.posting.composition import flow_runs_of
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec
from tests.unit.cmd.smallest import write_configuration
from tests.unit.irreplaceable import WAYS

_TWO = """\
install_key_value_backend = True
key_value_hosts = ctl2
restart_commands = systemctl restart 'octavia worker'
jobboard_backend_password = no-such-word
"""


_PATIENT = "[DEFAULT]\ngraceful_shutdown_timeout = 600\n"
"""Of octavia.conf; Octavia's default is warned of."""


def _two(folder: Path) -> Path:
    return write_configuration(folder, _TWO, controllers="ctl1, ctl2")


def _plan(config: Path, *arguments: str) -> int:
    return main(["--config-file", str(config), "plan", *arguments])


def test_every_step_is_there_in_its_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step has its flow, its host and its aim."""
    assert _plan(_two(tmp_path), "-f", "json") == 0
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


def test_the_lines_name_this_clouds_things(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines name this cloud's hosts, database, accounts and files; no secret."""
    assert _plan(_two(tmp_path)) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Stage 0: key-value-host on ctl2 install-key-value-host install red" in text
    assert "Stage 1: cloud on any controller check-prerequisites" in text
    assert "database octavia_persistence on 127.0.0.1:3306" in text
    assert "'o'@'localhost', 'o'@'%'" in text
    assert f"[task_flow] of {tmp_path}/octavia.conf" in text
    assert "jobboard_backend_password" in text
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
    assert _plan(write_configuration(tmp_path), "-c", column) == 0
    assert capsys.readouterr().out.startswith(line + "\n")


def test_nothing_is_changed(tmp_path: Path) -> None:
    """``plan`` creates nothing, not even the engine's own database."""
    config = write_configuration(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert _plan(config) == 0
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
def test_an_octavia_conf_that_cannot_be_replaced_is_warned_of(
    way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan is shown, and stderr says what this host's step will refuse."""
    config = write_configuration(tmp_path)
    (tmp_path / "octavia.conf").write_text(_PATIENT)
    make, words = WAYS[way]
    with make(tmp_path / "octavia.conf"):
        assert _plan(config) == 0
    shown = capsys.readouterr()
    assert "write-octavia-configuration" in shown.out
    assert re.search(f"Warning: .*{words}", shown.err)
    assert _plan(config) == 0
    assert "Warning" not in capsys.readouterr().err


def test_a_jobboard_that_no_load_balancer_would_use_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan says which provider to set, unless the job sets it."""
    conf = "[api_settings]\ndefault_provider_driver = amphorav1\n"
    (tmp_path / "octavia.conf").write_text(_PATIENT + conf)
    assert _plan(write_configuration(tmp_path)) == 0
    assert "set default_provider_driver = amphora," in capsys.readouterr().err
    assert _plan(write_configuration(tmp_path, "set_default_provider = true\n")) == 0
    assert "Warning" not in capsys.readouterr().err


def test_a_restart_that_cuts_operations_off_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with Octavia's own default."""
    config = write_configuration(tmp_path)
    assert _plan(config) == 0
    assert (
        "graceful_shutdown_timeout in octavia.conf is 60 s" in capsys.readouterr().err
    )
