# SPDX-License-Identifier: Apache-2.0
"""Two hosts that lose the network without a FIN: network namespaces of the test."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.servers.process import binary, die_with_parent, unavailable


@dataclass(frozen=True)
class Host:
    """A network namespace, which ends with the process ``pid``."""

    pid: int
    address: str

    @property
    def within(self) -> tuple[str, ...]:
        """The beginning of a command that runs on this host."""
        return (binary("nsenter"), f"--net=/proc/{self.pid}/ns/net", "--")

    def cut(self) -> None:
        """From now on drop all packets to and from this host."""
        self.ip("link", "set", "net0", "down")

    def heal(self) -> None:
        self.ip("link", "set", "net0", "up")

    def ip(self, *arguments: str) -> None:
        subprocess.run([*self.within, binary("ip"), *arguments], check=True)


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Two hosts that reach each other and nothing else."""
    if os.geteuid():
        unavailable("network namespaces need root")
    with _namespace("192.0.2.1") as one, _namespace("192.0.2.2") as two:
        peer = ("peer", "name", "net0", "netns", str(two.pid))
        one.ip("link", "add", "net0", "type", "veth", *peer)
        for host in (one, two):
            host.ip("address", "add", f"{host.address}/24", "dev", "net0")
            host.heal()
        yield one, two


@contextlib.contextmanager
def _namespace(address: str) -> Iterator[Host]:
    # It says when it is in the namespace, and then waits for its stdin to end.
    argv = [binary("unshare"), "--net", "sh", "-c", "ip link set lo up; echo; read end"]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            if not process.stdout.readline():
                unavailable("the kernel refuses a network namespace")
            yield Host(process.pid, address)
        finally:
            process.stdin.close()
