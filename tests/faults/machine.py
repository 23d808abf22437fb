# SPDX-License-Identifier: Apache-2.0
"""A machine of the tests: a process that starts conductors and reports their states.

It may have its own pid namespace, where processes outside can't see whether its
conductors live. It imports the engine once, and forks.
"""

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import REPOSITORY
from tests.faults.script import Script
from tests.servers.process import die_with_parent, new_machine, wait_until


class Machine:
    """Sends the test's requests to the machine's process."""

    def __init__(self, *, apart: bool = False) -> None:
        self._process = subprocess.Popen(
            [*(new_machine() if apart else ()), sys.executable, "-m", __spec__.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            start_new_session=True,
        )

    def start(self, script: Script) -> "Process":
        """Start a conductor; return before it serves."""
        return self._fork("conductor", script)

    def post(self, script: Script) -> "Process":
        """Start a poster; return before it has posted."""
        return self._fork("poster", script)

    def _fork(self, what: str, script: Script) -> "Process":
        return Process(
            self, script, self.ask("fork", what=what, script=script.to_json())
        )

    def ask(self, verb: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(
            json.dumps({"verb": verb, **arguments}),
            file=self._process.stdin,
            flush=True,
        )
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the machine and all its conductors."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        self._process.stdout.close()


@dataclass(frozen=True)
class Process:
    """One conductor or poster."""

    machine: Machine
    script: Script
    pid: int

    def signal(self, number: int) -> None:
        """Send a signal; do nothing if the process has ended."""
        self.machine.ask("signal", pid=self.pid, number=int(number))

    @property
    def state(self) -> str:
        """``runs``, ``stopped``, ``exit N`` or ``signal N``."""
        return str(self.machine.ask("state", pid=self.pid))

    @property
    def is_over(self) -> bool:
        return self.state.startswith(("exit", "signal"))

    @property
    def cpu_seconds(self) -> float:
        """User and system time since its start; proc(5), fields 14 and 15."""
        return float(self.machine.ask("cpu", pid=self.pid))

    @property
    def log(self) -> list[str]:
        path = Path(self.script.log)
        return path.read_text().splitlines() if path.exists() else []

    def has_logged(self, pattern: str, *, since: int = 0) -> bool:
        """Whether a line of its log has the pattern, from line ``since`` on."""
        return any(re.search(pattern, line) for line in self.log[since:])

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        wait_until_over(self, "the process has ended")

    def terminate(self) -> None:
        """Send SIGTERM; return when it has ended as it must."""
        self.signal(signal.SIGTERM)
        self.wait_for_exit()

    def wait_for_exit(self) -> None:
        """Return when it has ended; it must have exit code 0."""
        wait_until_over(self, "the conductor has ended")
        assert self.state == "exit 0", self.log[-20:]


def wait_until_over(process: Process, what: str) -> None:
    """Return when the process has ended for any reason."""
    wait_until(
        lambda: process.is_over,
        what=what,
        state=lambda: (process.state, process.log[-20:]),
    )


class Conductors:
    """The machine's child processes by pid, with their last states."""

    def __init__(self) -> None:
        self._states: dict[int, str] = {}

    def fork(self, what: str, script: str) -> int:
        from tests.faults import conductor_process, poster_process

        run = {"conductor": conductor_process.run, "poster": poster_process.run}[what]
        parent = os.getpid()
        # Delay SIGTERM until the child handles it: its start is not under test.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        pid = os.fork()
        if pid == 0:
            _become_child(parent)
            status = 1
            try:
                run(Script.from_json(script))
                status = 0
            except BaseException:
                logging.exception("the %s has crashed", what)
            finally:
                os._exit(status)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        self._states[pid] = "runs"
        return pid

    def signal(self, pid: int, number: int) -> None:
        if not self.state(pid).startswith(("exit", "signal")):
            os.kill(pid, number)

    def state(self, pid: int) -> str:
        options = os.WNOHANG | os.WUNTRACED | os.WCONTINUED
        while not self._states[pid].startswith(("exit", "signal")):
            found, status = os.waitpid(pid, options)
            if not found:
                break
            self._states[pid] = _name(status)
        return self._states[pid]

    def cpu(self, pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end_all(self) -> None:
        for pid in self._states:
            self.signal(pid, signal.SIGKILL)


def _become_child(parent: int) -> None:
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    # The child must neither write to the machine's stdout nor hold it open.
    os.dup2(2, 1)


def _name(status: int) -> str:
    if os.WIFSTOPPED(status):
        return "stopped"
    if os.WIFCONTINUED(status):
        return "runs"
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit {os.WEXITSTATUS(status)}"


def serve() -> None:
    """Answer each line of JSON on stdin by one on stdout, until stdin ends."""
    from tests.faults import poster_process  # noqa: F401 - once, for all children

    conductors = Conductors()
    for line in sys.stdin:
        request = json.loads(line)
        verb = request.pop("verb")
        print(json.dumps(getattr(conductors, verb)(**request)), flush=True)
    conductors.end_all()


@contextlib.contextmanager
def running_machine(*, apart: bool = False) -> Iterator[Machine]:
    """A machine; its conductors end with it."""
    with contextlib.closing(Machine(apart=apart)) as machine:
        yield machine


if __name__ == "__main__":
    serve()
