# SPDX-License-Identifier: Apache-2.0
"""Real servers as child processes on private loopback ports."""

import contextlib
import ctypes
import functools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest


def binary(*names: str) -> str:
    """The path of the first of these programs that is installed.

    If none is installed, the test is skipped with a reason; in CI it fails.
    """
    path = os.environ["PATH"] + ":/usr/sbin:/usr/bin"
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    if found is None:
        unavailable(f"{names[0]} is not installed (see bindep.txt)")
    return found


def unavailable(reason: str) -> NoReturn:
    """Skip a test that this machine can't run; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@functools.cache
def new_machine() -> Sequence[str]:
    """The command that runs a program as if it were on a separate machine.

    The program is in its own pid namespace, where it can't see other conductors'
    processes. It ends when the command's first process ends. A user other than root
    needs a user namespace for this. If the kernel refuses, the test is skipped; in CI
    it fails.
    """
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    flags = ("--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL")
    argv = (binary("unshare"), *user, *flags)
    tried = subprocess.run(
        [*argv, "true"], capture_output=True, text=True, timeout=60, check=False
    )
    if tried.returncode:
        why = tried.stderr.strip()
        unavailable(f"no second machine: the kernel refuses a pid namespace: {why}")
    return argv


def free_port() -> int:
    """A loopback port that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    condition: Callable[[], object],
    *,
    what: str,
    timeout: float = 60.0,
    state: Callable[[], object] | None = None,
) -> None:
    """Return when ``condition()`` is true; fail with ``what`` after ``timeout`` s.

    :param state: gives the present state, which the failure reports.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            last = f"; at last: {_state(state)}" if state else ""
            pytest.fail(f"waited {timeout:g} s in vain until {what}{last}")
        time.sleep(0.02)


def _state(state: Callable[[], object]) -> object:
    """The result of ``state()``, or its error: a server may be away."""
    try:
        return state()
    except Exception as exc:  # noqa: BLE001
        return repr(exc)


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One server process; it can be started again after :meth:`kill`."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.argv = list(argv)
        self.log = log
        self._ready = ready
        self._env = {**os.environ, **(env or {})}
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        wait_until(self._is_up, what=f"{self.argv[0]} answers (log: {self.log})")

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            pytest.fail(f"{self.argv[0]} exited {self._process.returncode}:\n{tail}")
        with contextlib.suppress(Exception):
            return self._ready()
        return False

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after 20 s; do nothing if it has ended already."""
        if self._process is not None and self._process.poll() is None:
            self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)


S = TypeVar("S", bound=Server)


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    """Start the server, and stop it at the end."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
