# SPDX-License-Identifier: Apache-2.0
"""The name under which a process claims: unique to one start of it."""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """``host:pid:machine:ticks-nonce``.

    ``machine`` identifies the boot of the kernel with the pid namespace, and,
    after a dot, the boot alone. ``ticks`` is when the process started: a later
    process with the same pid has a different name. Otherwise a conductor that
    comes back under its old name would find its former claim and never get it
    (measured of taskflow).
    """

    host: str
    pid: int
    machine: str
    start: str

    @classmethod
    def of_this_process(cls, host: str) -> "ProcessIdentity":
        pid = os.getpid()
        start = f"{_start_ticks(pid)}-{secrets.token_hex(2)}"
        return cls(host, pid, _machine(), start)

    @classmethod
    def parse(cls, text: str) -> "ProcessIdentity | None":
        """Read :meth:`__str__`'s form; None where it isn't one."""
        parts = text.rsplit(":", 3)
        if len(parts) != 4 or not parts[1].isdecimal():
            return None
        return cls(parts[0], int(parts[1]), parts[2], parts[3])

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.machine}:{self.start}"

    @property
    def kernel(self) -> str:
        """Differs between machines that run at once; empty where it isn't known.

        Containers of one machine share it; a reboot changes it.
        """
        return self.machine.partition(".")[2]

    @property
    def is_surely_dead(self) -> bool:
        """True only where this machine can see that the process has ended."""
        if self.machine.split(".")[0] != _machine().split(".")[0]:
            return False
        return _start_ticks(self.pid) != self.start.split("-")[0]


def host_of(owner: str | None) -> str | None:
    """The host in an owner's name; the whole name if it has another form."""
    parsed = ProcessIdentity.parse(owner) if owner else None
    return parsed.host if parsed else owner


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = Path("/proc/self/ns/pid").readlink()
    return f"{_digest(f'{boot}{namespace}')}.{_digest(boot)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _start_ticks(pid: int) -> str:
    """Field 22 of /proc/PID/stat (proc(5)); empty for a zombie or no process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
