# SPDX-License-Identifier: Apache-2.0
"""The command line: helpful help, and errors as exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd.main import main
from tests.unit.conf.configuration import PERSISTENCE, Configuration


def _run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as exc:
        return int(exc.code or 0)


def _configure(folder: Path) -> str:
    """Write a configuration with the engine's database in ``folder``; its path."""
    configuration = Configuration(folder)
    own = f"sqlite:///{folder}/engine.sqlite"
    configuration.change({"task_flow": {"persistence_connection": own}})
    configuration.write(configuration.text())
    return str(configuration.path)


def test_help_says_where_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names the first commands, and explains the exit codes."""
    assert _run("--help") == 0
    text = capsys.readouterr().out
    for word in ("post-job --wait", "amphv2-bootstrap run", "job show", "Exit codes"):
        assert word in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["post-job", "--on-failure", "panic"],
        ["post-job", "extra"],
        *(
            ["post-job", "--wait", f"--timeout={seconds}"]
            for seconds in ("nan", "-1", "0", "inf", "soon")
        ),
        ["post-job", "--timeout", "5"],
        ["--log-file", "/nonexistent/log", "job", "list"],
    ],
    ids=" ".join,
)
def test_bad_usage_exits_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad usage exits with 2 and a message."""
    assert _run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out + captured.err


def test_a_missing_configuration_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the path; nothing is created."""
    missing = tmp_path / "none.conf"
    assert _run("--config-file", str(missing), "job", "list") == 2
    assert str(missing) in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_all_problems_are_reported_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each problem has its own line, and nothing is changed."""
    path = tmp_path / "amphv2-bootstrap.conf"
    path.write_text(
        f"[DEFAULT]\nstate_path = {tmp_path}/state\n"
        "[octavia]\njobboard_backend_port = many\n"
        "persistence_connection = mysql+pymysql://octavia@db/\n"
    )
    path.chmod(0o600)
    assert _run("--config-file", str(path), "post-job") == 2
    lines = capsys.readouterr().err.splitlines()
    assert "nothing was changed" in lines[0]
    assert sum(line.startswith("  * ") for line in lines) >= 3
    assert not (tmp_path / "state").exists()


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command explains itself with ``--help``."""
    for command in (
        ["post-job"],
        ["run"],
        ["job", "list"],
        ["job", "show"],
        ["job", "watch"],
        ["job", "resume"],
        ["job", "cancel"],
        ["db", "upgrade"],
    ):
        assert _run(*command, "--help") == 0
        assert " ".join(command) in capsys.readouterr().out


@pytest.mark.parametrize("command", ["post-job", "run"])
@pytest.mark.parametrize("names", ["", " , "])
def test_an_empty_list_of_controllers_is_refused(
    command: str, names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty variable of a shell doesn't mean all controllers; nothing is posted."""
    config = _configure(tmp_path)
    arguments = ("--config-file", config, command, "--controllers")
    assert _run(*arguments, names) == 2
    assert "names no controller" in capsys.readouterr().err
    assert not (tmp_path / "engine.sqlite").exists()


def test_a_log_file_is_private_and_shows_no_secret(tmp_path: Path) -> None:
    """A command appends to the log file, masks secrets, and sets mode 0600."""
    log = tmp_path / "our.log"
    probe = (
        "import logging; from amphv2_bootstrap.cmd import main;"
        "from amphv2_bootstrap.cmd.job.list import ListJobs;"
        "real = ListJobs.take_action;"
        "ListJobs.take_action = lambda self, arguments: ("
        "real(self, arguments),"
        f"logging.getLogger('probe').info('it was %s', '{PERSISTENCE}'))[0];"
        "main.main()"
    )
    arguments = ["--log-file", str(log), "--config-file", _configure(tmp_path)]
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", probe, *arguments, "job", "list"],
            check=True,
            capture_output=True,
        )
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.read_text().count("INFO probe: it was ***") == 2
    assert PERSISTENCE not in log.read_text()
