# SPDX-License-Identifier: Apache-2.0
"""The first process of one host: starts its services, and stops them as systemd does.

``init.py FOLDER`` serves; ``init.py FOLDER restart SERVICE`` asks it. It reads
``services.json`` of the folder. Only the standard library is used, so that it starts
fast.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESPAWN_SECONDS = 0.1  # RestartSec of our unit


@dataclass
class Service:
    """A service of this host, started from its entry in ``services.json``.

    :param stop_timeout: seconds from SIGTERM to SIGKILL, as systemd's TimeoutStopSec.
    :param respawn: whether it is started again when it ends.
    """

    folder: Path
    name: str
    argv: list[str]
    log: str
    env: dict[str, str] = field(default_factory=dict)
    stop_timeout: float = 90.0
    respawn: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with Path(self.log).open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                start_new_session=True,
            )
        self.stopping.unlink(missing_ok=True)
        if self.respawn:
            threading.Thread(target=self._respawn, args=(self.process,)).start()

    @property
    def stopping(self) -> Path:
        """This file exists from the stop of the service until its next start."""
        return self.folder / f"stopping-{self.name}"

    def stop(self) -> None:
        process = self.process
        assert process is not None
        self.stopping.touch()
        with (self.folder / "stops").open("a") as ledger:
            ledger.write(f"{self.name}\n")
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.stop_timeout)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()

    def restart(self) -> None:
        with self.lock:
            self.stop()
            self.start()

    def _respawn(self, process: "subprocess.Popen[bytes]") -> None:
        process.wait()
        _signal_group(process.pid, signal.SIGKILL)
        time.sleep(RESPAWN_SECONDS)
        self.start()


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _serve(folder: Path) -> None:
    """Start all services; then answer each request in its own thread."""
    entries: list[dict[str, Any]] = json.loads((folder / "services.json").read_text())
    services = {entry["name"]: Service(folder, **entry) for entry in entries}
    path = folder / "init.sock"
    path.unlink(missing_ok=True)
    for service in services.values():
        service.start()
    # A relative path: an absolute one may be too long for a socket.
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
        listening.listen()
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_answer, args=(connection, services)).start()


def _answer(connection: socket.socket, services: dict[str, Service]) -> None:
    with connection:
        services[connection.recv(1000).decode()].restart()
        connection.sendall(b"done")


def _ask(folder: Path, name: str) -> None:
    """Have the service restarted; return when it has been started."""
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("init.sock")
        connection.sendall(name.encode())
        if connection.recv(10) != b"done":
            sys.exit(f"{name} was not restarted")


if __name__ == "__main__":
    home = Path(sys.argv[1])
    if sys.argv[2:]:
        _ask(home, sys.argv[3])
    else:
        _serve(home)
