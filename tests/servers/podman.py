# SPDX-License-Identifier: Apache-2.0
"""Containers of a real podman, made from no image: this host's programs, read-only.

podman keeps all its state in one folder, and its containers use the host's network, so
nothing else of the host is touched.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.process import unavailable

_LONGEST = 900
"""Seconds that a container lives at most, should nobody remove it."""

# podman's own limits may be higher than this process may set.
_LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096")
# crun refuses version 2 of cgroups beside version 1, so that mount is hidden.
_TOOL = """\
#!/bin/sh
exec unshare --mount sh -c 'umount -l /sys/fs/cgroup/unified 2> /dev/null
exec {podman} "$@"' sh --storage-driver vfs --root {folder}/root \
--runroot {folder}/run --tmpdir {folder}/tmp --cgroup-manager cgroupfs \
--events-backend file "$@"
"""
_FOLDERS = ("dev", "etc", "proc", "root", "run", "sys", "tmp", "usr", "var/tmp")
_LINKS = ("bin", "lib", "lib64", "sbin")


@dataclass
class Podman:
    """A podman of the test's own; ``tool`` is its command."""

    folder: Path
    tool: Path

    def call(self, *arguments: str) -> str:
        """What the command prints; its failure fails the test."""
        done = subprocess.run(
            [str(self.tool), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(
        self,
        name: str,
        command: Sequence[str],
        mounts: Mapping[Path, str],
        environment: Mapping[str, str],
    ) -> Path:
        """Start a container; return its root.

        :param mounts: the folders of this host that it sees, with their places there;
            it gets this host's /usr unless one of them is its own.
        """
        root = self._make_root(name)
        own = {} if "/usr" in mounts.values() else {Path("/usr"): "/usr"}
        seen = {**own, **mounts}
        volumes = [f"--volume={here}:{there}:ro" for here, there in seen.items()]
        variables = [f"--env={key}={value}" for key, value in environment.items()]
        self.call(
            *("run", "--detach", f"--name={name}", f"--timeout={_LONGEST}"),
            *("--cgroups=disabled", "--network=host", *_LIMITS),
            *(*volumes, *variables, "--rootfs", str(root), *command),
        )
        return root

    def _make_root(self, name: str) -> Path:
        root = self.folder / "roots" / name
        for folder in _FOLDERS:
            (root / folder).mkdir(parents=True)
        for link in filter(Path.is_symlink, (Path("/", each) for each in _LINKS)):
            (root / link.name).symlink_to(link.readlink())
        return root

    def programs(self, name: str) -> list[str]:
        """The command lines of what runs in a container."""
        script = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done"
        lines = self.call("exec", name, "sh", "-c", script).splitlines()
        return [line.strip() for line in lines if line.strip() and "$p" not in line]


def python_home() -> Path:
    """The folder of the Python that virtual environments here use."""
    return Path(sys.base_prefix)


@contextlib.contextmanager
def running_podman(folder: Path, name: str = "podman") -> Iterator[Podman]:
    """A podman with its command at ``folder/bin/name``; removes all its containers.

    Where it can't start a container the test is skipped; in CI it fails.
    """
    program = shutil.which("podman")
    if program is None or os.geteuid():
        unavailable("podman isn't installed, or this isn't root: see bindep.txt")
    tool = folder / "bin" / name
    tool.parent.mkdir(parents=True)
    tool.touch(0o755)
    # podman refuses longer paths than these.
    with tempfile.TemporaryDirectory(
        "", "podman-", ignore_cleanup_errors=True
    ) as state:
        tool.write_text(_TOOL.format(folder=state, podman=program))
        podman = Podman(folder, tool)
        try:
            _try(podman)
            yield podman
        finally:
            podman.call("rm", "--force", "--time=0", "--all")


def _try(podman: Podman) -> None:
    try:
        podman.start("try", ("true",), {}, {})
    except AssertionError as exc:
        # Whether the kernel lets it is not this project's affair, even in CI.
        pytest.skip(f"podman can't run a container here: {exc}")
