# SPDX-License-Identifier: Apache-2.0
"""A posted job in SQLite, and the commands that look at it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.cmd.main import main
from tests.unit.cmd.smallest import write_configuration

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on a configuration with two controllers: code, output, errors."""
    config = str(write_configuration(tmp_path, controllers="ctl1,controller2"))

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(["--config-file", config, *arguments])
        except SystemExit as exc:
            code = int(exc.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def job(run: Run) -> str:
    """The id of a posted job."""
    code, out, err = run("post-job", "-f", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return str(found["id"])
