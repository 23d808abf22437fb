# SPDX-License-Identifier: Apache-2.0
"""Runs other programs, which end in time, when cancelled, and with this process."""

import ctypes
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError

_POLL_SECONDS = 0.05
_OUTPUT_TAIL = 4000
_PR_SET_PDEATHSIG = 1
_UMASK = 0o022
"""The daemon's own umask 077 would make what pip installs unreadable for Octavia."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended. ``output`` is the last part of stdout and stderr."""

    returncode: int
    output: str
    stdout: str


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cancelled: threading.Event | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    on_line: Callable[[str], None] | None = None,
    grace: float = 0.0,
    user: str | None = None,
) -> Completed:
    """Run ``argv`` without a shell and wait for its end.

    The program gets its own session. The kernel kills it when the calling thread
    dies (``PR_SET_PDEATHSIG``), so a killed conductor leaves no program running.
    Its umask is 022, whatever that of this process is. Pass secrets by ``stdin``,
    never by ``argv``.

    :param timeout: seconds until the whole session is killed.
    :param env: variables in addition to this process's own.
    :param on_line: called from a thread with each line of stdout as it arrives.
    :param grace: seconds for the program after a cancellation. Its only sign is the end
        of stdin: no signal reaches a container. Without it stdin ends at once.
    :param user: an existing user to run it as, with that user's groups and home; only
        root may. The program then gets none of this process's variables.
    :raises PermanentError: the program doesn't exist or may not be run.
    :raises TransientError: it didn't end in time.
    :raises CancelledError: ``cancelled`` was set before it ended.
    """
    started = start(argv, env=env, user=user)
    return started.finish(
        timeout=timeout, cancelled=cancelled, stdin=stdin, on_line=on_line, grace=grace
    )


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
) -> "Started":
    """The first part of :func:`run`; the calling thread must live until its end."""
    return Started(argv, _start(argv, env, user))


class Started:
    """A program that runs and has got nothing on stdin yet."""

    def __init__(self, argv: Sequence[str], process: "subprocess.Popen[str]") -> None:
        self._argv, self._process = argv, process

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL its session, and close its pipes, which ends it in a container."""
        if self.is_running:
            _kill(self._process)
        with self._process:  # at its end
            pass

    def finish(
        self,
        *,
        timeout: float,
        cancelled: threading.Event | None = None,
        stdin: str = "",
        on_line: Callable[[str], None] | None = None,
        grace: float = 0.0,
    ) -> Completed:
        """The second part of :func:`run`."""
        reader = _Feeder(self._process, stdin, on_line, holds=grace > 0)
        deadline = time.monotonic() + timeout
        while not reader.wait(_POLL_SECONDS):
            if cancelled is not None and cancelled.is_set():
                reader.end_stdin()
                reader.wait(grace)
                reader.kill()
                raise CancelledError(f"run {_name(self._argv)}", why="asked to stop")
            if time.monotonic() > deadline:
                reader.kill()
                raise TransientError(
                    f"run {_name(self._argv)}",
                    why=f"it did not end within {timeout:g} s and was stopped",
                    todo=f"Its last output: {reader.tail() or 'none'}",
                )
        return Completed(self._process.wait(), reader.tail(), reader.stdout)


def _name(argv: Sequence[str]) -> str:
    return Path(argv[0]).name


def _start(
    argv: Sequence[str], env: Mapping[str, str] | None, user: str | None
) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            **_identity(user, env or {}),
            start_new_session=True,
            umask=_UMASK,
            preexec_fn=_die_with_parent,
        )
    except OSError as exc:
        raise PermanentError(
            f"run {_name(argv)}",
            on=str(argv[0]),
            why=exc.strerror or str(exc),
            todo="Install the program, or correct the command in the configuration.",
        ) from exc


def _identity(user: str | None, env: Mapping[str, str]) -> dict[str, Any]:
    if user is None:
        return {"env": {**os.environ, **env}}
    account = pwd.getpwnam(user)
    own = {"HOME": account.pw_dir, "USER": user, "LOGNAME": user, "PATH": os.defpath}
    return {
        "env": {**own, **env},
        "cwd": "/",
        "user": account.pw_uid,
        "group": account.pw_gid,
        "extra_groups": os.getgrouplist(user, account.pw_gid),
    }


_LIBC = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill(process: "subprocess.Popen[str]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


class _Feeder:
    """Writes stdin and reads the outputs, each in a thread, so none can block.

    With ``holds``, stdin stays open until :meth:`end_stdin` or the program's end.
    """

    def __init__(
        self,
        process: "subprocess.Popen[str]",
        stdin: str,
        on_line: Callable[[str], None] | None,
        *,
        holds: bool,
    ) -> None:
        self._process = process
        self._stdin = stdin
        self._may_end = threading.Event()
        if not holds:
            self.end_stdin()
        self._on_line = on_line
        self.stdout = ""
        self._stderr = ""
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._feed, self._read_stdout, self._read_stderr)
        ]
        self._reader = self._threads[1]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether the program has ended and its outputs are read."""
        # The end of the output is noticed at once, and the program's end follows.
        # Popen.wait() with a timeout would poll every 50 ms.
        self._reader.join(seconds)
        try:
            self._process.wait(0 if self._reader.is_alive() else seconds)
        except subprocess.TimeoutExpired:
            return False
        self.end_stdin()
        for thread in self._threads:
            thread.join(1.0)
        return True

    def end_stdin(self) -> None:
        self._may_end.set()

    def kill(self) -> None:
        """SIGKILL the program's session."""
        _kill(self._process)
        self.wait(5.0)

    def tail(self) -> str:
        return (self.stdout + self._stderr).strip()[-_OUTPUT_TAIL:]

    def _feed(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101
        try:
            with pipe:
                pipe.write(self._stdin)
                pipe.flush()
                self._may_end.wait()
        except BrokenPipeError:
            pass  # the program did not read its input

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        if self._on_line is None:
            self.stdout = self._process.stdout.read()
            return
        for line in self._process.stdout:
            self.stdout += line
            self._on_line(line)

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101
        self._stderr = self._process.stderr.read()


Runner = Callable[..., Completed]
"""The type of :func:`run`; tests pass fakes of it."""
