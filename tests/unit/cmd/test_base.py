# SPDX-License-Identifier: Apache-2.0
"""What every command does before and after its own work."""

import argparse
import contextlib
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
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


def test_an_unexpected_error_is_named_by_type_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A library's text may hold a secret that no configuration names."""

    def fail() -> None:
        raise ValueError("hunter2-" + "of-no-configuration")

    assert _run(tmp_path, fail) == 1
    told = capsys.readouterr().err
    assert "unexpected ValueError at amphv2_bootstrap/" in told
    assert "hunter2-of" not in told + caplog.text


def test_errors_show_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The secrets are masked in the error that ends a command."""

    def careless() -> None:
        raise PermanentError("do it", why=f"it was {PERSISTENCE}")

    assert _run(tmp_path, careless) == 1
    assert "it was ***" in capsys.readouterr().err


def test_a_terminal_obeys_nothing_of_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A text may come from a database that others write to."""

    def quoting() -> None:
        raise PermanentError("do it", why="it was \x1b]0;x\x07")

    assert _run(tmp_path, quoting) == 1
    assert "it was \ufffd]0;x\ufffd" in capsys.readouterr().err


# The main thread waits for ever inside the C library, which no signal interrupts.
_STOPPING = """
import ctypes, sys, threading, time
from amphv2_bootstrap.cmd import base
busy, seconds = float(sys.argv[1]), float(sys.argv[2])
asked = threading.Event()
def stop():
    print("stop", flush=True)
    asked.set()
    threading.Event().wait()  # a lock that is never released
def is_busy():
    return not asked.wait(0) or time.monotonic() - began < busy
base._LAST_SECONDS = seconds
base.Stopping(stop, is_busy)
began = time.monotonic()
print("ready", flush=True)
mutex = ctypes.create_string_buffer(64)
while True:
    ctypes.CDLL(None).pthread_mutex_lock(mutex)
"""


@contextlib.contextmanager
def _stopping(busy: float, last: float) -> "Iterator[subprocess.Popen[str]]":
    """A process that is busy for some seconds, and has ``last`` seconds to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _STOPPING, str(busy), str(last)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("busy", [0.0, 0.5])
def test_a_process_that_stops_ends_in_time(number: signal.Signals, busy: float) -> None:
    """Also if its main thread, and stopping itself, wait for ever."""
    with _stopping(busy, last=0.1) as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == ("stop\n", 128 + number)


def test_a_second_signal_ends_a_busy_process() -> None:
    """The first one lets it go on, and says so."""
    with _stopping(busy=3600.0, last=3600.0) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "A second signal ends it" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130


def test_the_exit_code_of_a_command_that_was_stopped() -> None:
    """The signal's, unless the work was done all the same."""
    stopping = SimpleNamespace(number=int(signal.SIGTERM))
    probe = GuardedProbe(Path(), lambda: None)
    probe.runtime = lambda controllers=None: None  # type: ignore
    probe._stopping = stopping  # type: ignore[assignment]
    assert probe.run(argparse.Namespace()) == 0
    probe.exit_code = 1
    assert probe.run(argparse.Namespace()) == 143
