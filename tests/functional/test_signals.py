# SPDX-License-Identifier: Apache-2.0
"""A signal ends every command at once, whatever it waits for."""

import contextlib
import functools
import os
import random
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from amphv2_bootstrap.cmd.exit_codes import BAD_INPUT
from tests.servers.mariadb import MariaDB
from tests.servers.process import free_port, wait_until
from tests.unit.cmd.smallest import write_configuration

SEED = os.environ.get("AMPHV2_SIGNALS_SEED", secrets.token_hex(4))

# Less than a server that doesn't answer is waited for (20 s), or a locked SQLite file
# (15 s); a command that follows a job waits for ever. The end takes 2 s at most.
BOUND = 10.0
LATEST_SIGNAL = 3.0
OWN_WAYS = ("verify --controllers", "run")
"""These handle signals; the kernel ends the others."""
OTHERS = (
    "plan",
    "post-job --wait",
    "job watch",
    "job show",
    "job list",
    "job resume",
    "conductor list",
    "db upgrade",
)
_MODULE = ("-m", "amphv2_bootstrap.cmd.main")


@contextlib.contextmanager
def refused(_: Path) -> Iterator[str]:
    """A port where nothing listens."""
    yield f"mysql+pymysql://root:word@127.0.0.1:{free_port()}/engine"


@contextlib.contextmanager
def silent(_: Path) -> Iterator[str]:
    """A server that takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"mysql+pymysql://root:word@127.0.0.1:{listening.getsockname()[1]}/engine"


@contextlib.contextmanager
def dropping(_: Path) -> Iterator[str]:
    """A server with a full backlog: the kernel drops what asks for a connection."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listening.listen(0)
        for _each in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield f"mysql+pymysql://root:word@127.0.0.1:{listening.getsockname()[1]}/engine"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[str]:
    """A SQLite file that another process keeps: the wait is inside the C library."""
    path = folder / "locked.sqlite"
    path.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("CREATE TABLE kept (id INTEGER)")
        yield f"sqlite:///{path}"


Place = Callable[[Path], contextlib.AbstractContextManager[str]]


PLACES: dict[str, Place] = {
    "refused": refused,
    "silent": silent,
    "dropping": dropping,
    "locked": locked,
}
NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def stopped(mariadb: MariaDB) -> Place:
    """A MariaDB that SIGSTOP keeps from answering."""

    @contextlib.contextmanager
    def place(_: Path) -> Iterator[str]:
        os.kill(mariadb.pid, signal.SIGSTOP)
        try:
            yield f"{mariadb.root_url}/engine"
        finally:
            os.kill(mariadb.pid, signal.SIGCONT)

    return place


@dataclass
class Started:
    """A command, and what it writes to stderr; some end without a signal."""

    name: str
    ends_soon: bool
    process: "subprocess.Popen[bytes]"
    stderr: Path

    @property
    def said(self) -> str:
        return self.stderr.read_text()


def _start(name: str, config: Path, kind: str) -> Started:
    stderr = config.with_name(f"{name.replace(' ', '_')}.stderr")
    argv = [sys.executable, *_MODULE, "--config-file", str(config)]
    with stderr.open("w") as log:
        process = subprocess.Popen(
            [*argv, *name.split()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    return Started(name, name == "plan" or kind == "refused", process, stderr)


def _configured(folder: Path, url: str) -> Path:
    """A configuration with the engine and the administrator's server at ``url``."""
    config = write_configuration(
        folder, f"[task_flow]\npersistence_connection = {url}\n"
    )
    if "mysql" in url:
        server = url.rpartition("/")[0]
        text = config.read_text()
        config.write_text(
            re.sub(r"(?<=admin_connection = ).*/$", f"{server}/", text, flags=re.M)
        )
    return config


def _signal(command: Started, chance: random.Random) -> None:
    """Send a signal: it ends the command in time, unless that has just ended."""
    number = chance.choice(NUMBERS)
    print(f"{command.name}: {number.name}")
    if command.process.poll() is not None:
        assert command.process.returncode != BAD_INPUT, command.said
        return
    command.process.send_signal(number)
    try:
        code = command.process.wait(BOUND)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{command} goes on after {number.name}: {command.said}")
    if command.ends_soon or "KeyboardInterrupt" in command.said:
        return  # The latter is Python's own, before it has loaded any program.
    assert code in (-number, 128 + number), (command, code, command.said)


def _is_blocked(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it has ended, or waits and has done nothing for a while."""
    seen = []
    for _ in range(4):
        if process.poll() is not None:
            return True
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        seen.append((stat[0], stat[11], stat[12]))
        time.sleep(0.1)
    return len(set(seen)) == 1 and seen[0][0] == "S"


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """A random generator, seeded with the printed seed and the test's name."""
    print(f"AMPHV2_SIGNALS_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.nodeid}")


@pytest.fixture(params=["refused", "silent", "dropping", "locked", "stopped"])
def commands(
    request: pytest.FixtureRequest, tmp_path: Path, chance: random.Random
) -> Iterator[list[Started]]:
    """Some commands, just started; their database is away in one way."""
    kind = request.param
    place: Place = PLACES.get(kind) or request.getfixturevalue(kind)
    with place(tmp_path) as url, contextlib.ExitStack() as stack:
        config = _configured(tmp_path, url)
        started = [
            _start(name, config, kind)
            for name in (*OWN_WAYS, *chance.sample(OTHERS, 3))
        ]
        for command in started:
            stack.callback(command.process.wait)
            stack.callback(command.process.kill)
        yield started


def test_a_signal_ends_each_command_while_it_waits(
    commands: list[Started], chance: random.Random
) -> None:
    """Also in a call that doesn't return before the server answers."""
    for command in commands:
        waits = functools.partial(_is_blocked, command.process)
        wait_until(waits, what=f"{command.name} waits")
        _signal(command, chance)


def test_a_signal_ends_each_command_at_any_moment(
    commands: list[Started], chance: random.Random
) -> None:
    """Also while the program is being loaded."""
    for command in chance.sample(commands, len(commands)):
        moment = chance.uniform(0.0, LATEST_SIGNAL / len(commands))
        print(f"{moment:.3f} s later")
        time.sleep(moment)
        _signal(command, chance)


@pytest.mark.parametrize("name", ["job watch", "verify"])
def test_a_signal_that_a_shell_had_ignored_stays_ignored(
    name: str, tmp_path: Path
) -> None:
    """As for what it runs in the background."""
    with silent(tmp_path) as url:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            command = _start(name, _configured(tmp_path, url), "silent")
        finally:
            signal.signal(signal.SIGINT, before)
        try:
            wait_until(lambda: _is_blocked(command.process), what=f"{name} waits")
            command.process.send_signal(signal.SIGINT)
            command.process.send_signal(signal.SIGTERM)
            code = command.process.wait(BOUND)
        finally:
            command.process.kill()
            command.process.wait()
    assert code in (-signal.SIGTERM, 143), command.said
