# SPDX-License-Identifier: Apache-2.0
"""What a conductor tells systemd, and whoever asks what it is doing."""

import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.daemon import SERVES, Daemon, ended


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket on which systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(60)
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def _until(manager: socket.socket, state: bytes, times: int = 1) -> list[bytes]:
    """All that comes until this state has come so often."""
    found: list[bytes] = []
    while found.count(state) < times:
        found.append(manager.recv(100))
    return found


def _send_to(manager: socket.socket, text: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(text, manager.getsockname())


def test_systemd_learns_that_it_is_ready_alive_and_ending(
    manager: socket.socket, tmp_path: Path
) -> None:
    """Its loop says again and again that it isn't hung, also after a reload."""
    with ended(Daemon(tmp_path)) as daemon:
        assert _until(manager, b"READY=1") == [b"READY=1"]
        _until(manager, b"WATCHDOG=1", times=3)
        daemon.process.send_signal(signal.SIGHUP)
        _until(manager, b"READY=1")
        _until(manager, b"WATCHDOG=1", times=3)
        daemon.process.send_signal(signal.SIGTERM)
        _until(manager, b"STOPPING=1")


def test_a_hung_loop_says_nothing(manager: socket.socket, tmp_path: Path) -> None:
    """A pass that doesn't end is the last that systemd hears of."""
    hung = tmp_path / "hung"
    program = f"""\
import pathlib, threading
from amphv2_bootstrap.cmd import daemon
from amphv2_bootstrap.engine.conductor.reconcile import Reconciler
def hang(*_):
    pathlib.Path({str(hung)!r}).touch()
    threading.Event().wait()
Reconciler.is_due = hang
daemon.main()
"""
    daemon = Daemon(tmp_path, ("-c", program))
    try:
        daemon.wait_for(lambda _: hung.exists(), "the loop hangs")
    finally:
        daemon.process.kill()
        daemon.process.wait()
    _send_to(manager, b"the end")
    # One while it waited for the database, one of the pass.
    expected = [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"the end"]
    assert _until(manager, b"the end") == expected


def test_it_shows_what_each_thread_is_doing(tmp_path: Path) -> None:
    """SIGUSR2 writes the stacks to stderr, and the conductor works on."""
    with ended(Daemon(tmp_path)) as daemon:
        daemon.wait_for(lambda log: SERVES in log, "it serves")
        daemon.process.send_signal(signal.SIGUSR2)
        daemon.wait_for(
            lambda log: "most recent call first" in log and "in main" in log,
            "it shows its main thread",
        )
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(lambda log: log.count(SERVES) == 2, "it works on")


def test_the_example_of_its_help(tmp_path: Path) -> None:
    """It serves as the help has it, until SIGTERM ends it."""
    argv = [sys.executable, "-m", "amphv2_bootstrap.cmd.daemon", "--help"]
    text = subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout
    (example,) = re.findall(r"(?m)^Example: amphv2-conductor (.*)$", text)
    with ended(Daemon(tmp_path, arguments=shlex.split(example))) as daemon:
        daemon.wait_for(lambda log: SERVES in log, "it serves")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(60) == 0, daemon.log
