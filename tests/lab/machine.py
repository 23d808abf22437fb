# SPDX-License-Identifier: Apache-2.0
"""A host of the lab: namespaces on a bridge. It can lose its power or its network."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import REPOSITORY
from tests.servers.process import binary, die_with_parent, new_machine, wait_until

_BRIDGE = "lab0"
_NETWORK = "10.77.0"
VIRTUAL = f"{_NETWORK}.100"
"""Address of the load balancer; each host reaches its own one by it."""


def own_network() -> list[str]:
    """The command that runs a program in new pid and network namespaces."""
    return [*new_machine(), "--net"]


def ip(*arguments: str) -> str:
    """Run ``ip`` in the namespace of this process; return its output."""
    return _output([binary("ip"), *arguments])


def _output(argv: Sequence[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout


def build_bridge() -> None:
    """Make the bridge, in a network namespace that has nothing but loopback."""
    there = {link["ifname"] for link in json.loads(ip("-j", "link"))}
    # Some kernels add idle tunnel devices to each new namespace.
    assert not [name for name in there if name.startswith(("e", "w", "br"))], (
        f"the lab needs a network namespace of its own, and here are {there}"
    )
    ip("link", "set", "lo", "up")
    ip("link", "add", _BRIDGE, "type", "bridge")
    ip("address", "add", f"{_NETWORK}.254/24", "dev", _BRIDGE)
    ip("link", "set", _BRIDGE, "up")


def remove_bridge() -> None:
    """Let the next lab in this namespace make its own."""
    if _BRIDGE in {link["ifname"] for link in json.loads(ip("-j", "link"))}:
        ip("link", "delete", _BRIDGE)


@dataclass
class Machine:
    """The namespaces of one host."""

    name: str
    number: int
    is_cut: bool = False
    _unshare: "subprocess.Popen[bytes] | None" = None
    _init: int = 0

    @property
    def address(self) -> str:
        return f"{_NETWORK}.{self.number}"

    @property
    def is_on(self) -> bool:
        return self._unshare is not None

    @property
    def _port(self) -> str:
        """Its end of the cable at the bridge."""
        return f"port{self.number}"

    def power_on(self) -> None:
        """Make the namespaces and the cable; nothing else runs yet."""
        self._unshare = subprocess.Popen(
            [*own_network(), binary("sleep"), "infinity"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # it complains when its child is killed
            preexec_fn=die_with_parent,
        )
        wait_until(self._find_init, what=f"{self.name} has a first process")
        cable = ("type", "veth", "peer", "eth0", "netns", str(self._init))
        ip("link", "add", self._port, *cable)
        ip("link", "set", self._port, "master", _BRIDGE, "up")
        self.output("ip", "link", "set", "lo", "up")
        self.output("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.output("ip", "address", "add", f"{VIRTUAL}/32", "dev", "lo")
        self.output("ip", "link", "set", "eth0", "up")

    def _find_init(self) -> bool:
        assert self._unshare is not None
        self._init = only_child(self._unshare.pid)
        if not self._init:
            return False
        # Until it has become the command, it may be in the old namespaces.
        comm = Path(f"/proc/{self._init}/comm").read_text().strip()
        return comm == "sleep"

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs a program on this host."""
        where = ("--target", str(self._init), f"--wd={REPOSITORY}")
        return [binary("nsenter"), *where, "--net", "--pid", "--mount", "--", *argv]

    def spawn(self, argv: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a program on this host."""
        return subprocess.Popen(
            self.inside(argv),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **options,
        )

    def output(self, *argv: str) -> str:
        """Run a program on this host; return its output. It must succeed."""
        return _output(self.inside([binary(argv[0]), *argv[1:]]))

    def cut(self) -> None:
        """Drop all packets from and to this host; it sees a working link."""
        _output([binary("bridge"), "link", "set", "dev", self._port, "state", "0"])
        self.is_cut = True

    def heal(self) -> None:
        """Let packets pass again."""
        _output([binary("bridge"), "link", "set", "dev", self._port, "state", "3"])
        self.is_cut = False

    def power_off(self) -> None:
        """Kill all processes at one moment; no other host hears of it."""
        assert self._unshare is not None
        self.cut()
        os.kill(self._init, signal.SIGKILL)  # all other processes die with the first
        self._unshare.wait()
        self._unshare, self.is_cut = None, False
        # Sockets that still send into the void keep the namespace for minutes.
        ip("link", "delete", self._port)


def only_child(pid: int) -> int:
    """The pid of the process's first child; 0 if it has none."""
    with contextlib.suppress(OSError):
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if found:
            return int(found[0])
    return 0


@dataclass
class Service:
    """A program on a machine, started by hand."""

    machine: Machine
    name: str
    argv: Sequence[str]
    log: Path
    env: dict[str, str]
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the program; don't wait until it serves."""
        with self.log.open("ab") as log:
            self._process = self.machine.spawn(
                self.argv, stdout=log, stderr=subprocess.STDOUT, env=self.env
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the program itself."""
        assert self._process is not None
        wait_until(
            lambda: only_child(self._pid) or not self.is_running,
            what=f"{self.name} runs",
        )
        if number == signal.SIGCONT:
            os.kill(self._pid, number)  # nsenter stops together with its child
        if self.is_running:
            os.kill(only_child(self._pid), number)

    @property
    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def wait(self, timeout: float = 60.0) -> int:
        """Return its exit code when it has ended."""
        assert self._process is not None
        return self._process.wait(timeout)


def now() -> float:
    """CLOCK_MONOTONIC, which all processes of the lab share."""
    return time.monotonic()
