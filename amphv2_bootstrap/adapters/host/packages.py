# SPDX-License-Identifier: Apache-2.0
"""Installs the distribution's packages by apt or dnf."""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.errors import PermanentError, TransientError

Family = Literal["debian", "redhat"]

_QUERY_SECONDS = 30.0
_INSTALL_SECONDS = 900.0
_LOCK_SECONDS = 300
_BUSY = ("Could not get lock", "Unable to acquire the dpkg frontend lock")
# The lists lack the package, or name an archive that the mirror no longer has.
_LISTS_TOO_OLD = re.compile(
    r"Unable to locate package|has no installation candidate"
    r"|Failed to fetch \S+\s+404\b"
)
_NETWORK = (
    "Temporary failure resolving",
    "Could not resolve",
    "Could not connect",
    "Connection timed out",
    "Failed to download",
    "Failed to fetch",
)


class Packages(Protocol):
    """A package system, as steps use it."""

    @property
    def family(self) -> Family:
        """Which distributions use it."""

    def installed(self, package: str) -> bool:
        """Whether the package is fully installed."""

    def install(self, packages: Sequence[str]) -> None:
        """Install what is missing, without a question; safe to run twice.

        Can't be cancelled, since a half-installed package is worse than a late end.
        First repairs an installation that a crash interrupted.

        :raises TransientError: the package system is busy, or its source unreachable.
        :raises PermanentError: no such package, or its scripts failed.
        """


@dataclass(frozen=True, slots=True)
class Apt:
    """apt and dpkg."""

    run: commands.Runner
    family: Family = "debian"

    def installed(self, package: str) -> bool:
        argv = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
        done = self.run(argv, timeout=_QUERY_SECONDS, env={"LC_ALL": "C"})
        return bool(done.returncode == 0 and done.stdout.strip() == "installed")

    def install(self, packages: Sequence[str]) -> None:
        done = self._install(packages)
        if done.returncode and "dpkg --configure -a" in done.output:
            self._run(["dpkg", "--configure", "-a", "--force-confold"])
            done = self._install(packages)
        if done.returncode and _LISTS_TOO_OLD.search(done.output):
            self._run(["apt-get", "update"])
            done = self._install(packages)
        _raise_on_failure("apt-get", packages, done)

    def _install(self, packages: Sequence[str]) -> commands.Completed:
        return self._run(
            [
                "apt-get",
                "install",
                "--yes",
                "--no-install-recommends",
                "-o",
                f"DPkg::Lock::Timeout={_LOCK_SECONDS}",
                "-o",
                "Dpkg::Options::=--force-confold",
                *packages,
            ]
        )

    def _run(self, argv: Sequence[str]) -> commands.Completed:
        env = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        return self.run(argv, timeout=_INSTALL_SECONDS, env=env)


@dataclass(frozen=True, slots=True)
class Dnf:
    """dnf and rpm; dnf waits for its lock by itself."""

    run: commands.Runner
    family: Family = "redhat"

    def installed(self, package: str) -> bool:
        done = self.run(["rpm", "-q", package], timeout=_QUERY_SECONDS)
        return bool(done.returncode == 0)

    def install(self, packages: Sequence[str]) -> None:
        argv = ["dnf", "install", "--assumeyes", *packages]
        done = self.run(argv, timeout=_INSTALL_SECONDS, env={"LC_ALL": "C"})
        _raise_on_failure("dnf", packages, done)


def detect(
    run: commands.Runner = commands.run,
    which: Callable[[str], str | None] = shutil.which,
) -> Packages:
    """The package system of this host.

    :raises PermanentError: neither apt nor dnf is there.
    """
    if which("apt-get") and which("dpkg-query"):
        return Apt(run)
    if which("dnf") and which("rpm"):
        return Dnf(run)
    raise PermanentError(
        "install packages",
        on=os.uname().nodename,
        why="neither apt-get nor dnf is there",
        todo="Install the server by hand and set install_key_value_backend = false.",
    )


_OWNERS = (("apt-get", ("dpkg-query", "-S")), ("dnf", ("rpm", "-qf")))


def installer_of(path: str) -> str | None:
    """The program that installs the package with this file; None if none has it.

    :raises TransientError: the package system doesn't answer.
    """
    for installer, query in _OWNERS:
        if shutil.which(installer) and shutil.which(query[0]):
            done = commands.run((*query, path), timeout=_QUERY_SECONDS)
            return None if done.returncode else installer
    return None


def _raise_on_failure(
    program: str, packages: Sequence[str], done: commands.Completed
) -> None:
    if done.returncode == 0:
        return
    attempted, on = f"install packages by {program}", ", ".join(packages)
    why = "; ".join(done.output.splitlines()[-3:]) or f"exit code {done.returncode}"
    if any(words in done.output for words in _BUSY + _NETWORK):
        todo = "Wait for other installations, and check the package sources."
        raise TransientError(attempted, on=on, why=why, todo=todo)
    todo = f"Run {program} install {' '.join(packages)} by hand; fix what it reports."
    raise PermanentError(attempted, on=on, why=why, todo=todo)
