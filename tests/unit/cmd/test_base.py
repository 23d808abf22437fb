# SPDX-License-Identifier: Apache-2.0
"""What every command does before and after its own work."""

import argparse
import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from amphv2_bootstrap.cmd.base import Guarded, stop_on_signals
from amphv2_bootstrap.errors import PermanentError
from tests.servers.process import wait_until
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_never_blocks_the_main_thread(number: signal.Signals) -> None:
    """The handler returns although stopping waits for a lock of the main thread."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    lock, stopped = threading.Lock(), threading.Event()

    def stop() -> None:
        assert threading.current_thread() is not threading.main_thread()
        with lock:
            stopped.set()

    try:
        stop_on_signals(stop)
        with lock:
            signal.raise_signal(number)
            assert not stopped.is_set()
        wait_until(stopped.is_set, what="it has stopped")
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
