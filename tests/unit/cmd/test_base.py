# SPDX-License-Identifier: Apache-2.0
"""What every command does before and after its own work."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from amphv2_bootstrap.cmd.base import Guarded
from amphv2_bootstrap.errors import PermanentError
from tests.unit.conf.configuration import PERSISTENCE, Configuration

LOG = logging.getLogger("amphv2-test-base")


class Probe:
    """Replaces cliff's command: calls a function of the test."""

    def __init__(self, path: Path, action: Callable[[], object]) -> None:
        self.app_args = SimpleNamespace(config_file=[str(path)], debug=False)
        self._action = action

    def run(self, _parsed_args: argparse.Namespace) -> int:
        self.runtime()  # type: ignore[attr-defined]
        self._action()
        return 0


class GuardedProbe(Guarded, Probe):
    """Composed as the real commands are."""


def _run(folder: Path, action: Callable[[], object]) -> int:
    configuration = Configuration(folder)
    configuration.write(configuration.text())
    return GuardedProbe(configuration.path, action).run(argparse.Namespace())


def test_logs_show_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The secrets of the configuration are masked in log lines of any library."""

    def careless() -> None:
        LOG.warning("it was %s", PERSISTENCE)

    assert _run(tmp_path, careless) == 0
    assert "it was ***" in caplog.text
    assert PERSISTENCE not in caplog.text


def test_errors_show_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The secrets are masked in the error that ends a command."""

    def careless() -> None:
        raise PermanentError("do it", why=f"it was {PERSISTENCE}")

    assert _run(tmp_path, careless) == 1
    assert "it was ***" in capsys.readouterr().err
