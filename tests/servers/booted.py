# SPDX-License-Identifier: Apache-2.0
"""A Debian that its own systemd has booted."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.servers.debian import ROOT, Debian
from tests.servers.process import Server, running, unavailable, wait_until

# systemd is process 1 of the namespaces. Kernel parameters and devices stay this
# machine's: it can't set the former, and has of the latter those that keep nothing.
# Mounts there are shared, as systemd does it on a host: it hands credentials out so.
_BOOT = """
echo $$ > {group}/cgroup.procs
exec unshare --mount --pid --cgroup --uts --ipc --fork --kill-child=SIGKILL sh -ec '
mount --make-rprivate /
cd {top}
mount -t overlay overlay -o lowerdir={root},upperdir=upper,workdir=work all
cd all
mount -t proc proc proc
mount -o bind,ro proc/sys proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
cp --archive /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty dev
mkdir dev/pts dev/shm former
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . former
exec chroot . sh -ec "
umount -l former
mount --make-rshared /
hostname {name}
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd"'
"""
_ENTERED = ("--mount", "--pid", "--cgroup", "--uts", "--ipc", "--root", "--wd")


class BootedDebian(Debian):
    """The copy, as a host with the name ``name``; to be changed by commands only."""

    def __init__(self, debian: Debian, name: str, group: Path) -> None:
        self.folder = debian.folder
        self._group = group
        script = _BOOT.format(group=group, top=self.folder, root=ROOT, name=name)
        log = self.folder / "boot.log"
        argv = ("sh", "-ec", script)
        self.server = Server(argv, log=log, ready=self._is_up)

    def enter(self) -> list[str]:
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children")
        return ["nsenter", "--target", children.read_text().strip(), *_ENTERED]

    def output(self, *argv: str) -> str:
        """What a command prints; its failure fails the test."""
        done = self.run(*argv)
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file there."""
        script = 'printf %s "$2" > "$1"'
        self.output("sh", "-ec", script, "sh", path, text)

    def unit(self, name: str, *properties: str) -> list[str]:
        """The values of these properties of a unit."""
        wanted = [f"--property={each}" for each in properties]
        lines = self.output("systemctl", "show", *wanted, name).splitlines()
        found = {line.partition("=")[0]: line.partition("=")[2] for line in lines}
        return [found[each] for each in properties]

    def _is_up(self) -> bool:
        # "degraded": a unit that no test needs has failed.
        done = self.run("systemctl", "is-system-running")
        return done.stdout.strip() in ("running", "degraded")


@contextlib.contextmanager
def booted(debian: Debian, name: str) -> Iterator[BootedDebian]:
    """Boot it, and end all of it afterwards; ``systemd`` is installed there."""
    with _control_group(debian.folder) as group:
        found = BootedDebian(debian, name, group)
        with running(found.server):
            try:
                yield found
            finally:
                # With process 1, the kernel kills all others there.
                found.server.kill()


@contextlib.contextmanager
def _control_group(folder: Path) -> Iterator[Path]:
    """A control group of version 2, which is there beside version 1, too."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    top = next((Path(each[1]) for each in mounts if each[2] == "cgroup2"), None)
    group = top and top / f"amphv2-{os.getpid()}-{folder.name}"
    if group is None:
        unavailable("this machine has no control groups of version 2")
    try:
        group.mkdir()
    except OSError as exc:
        unavailable(f"systemd can't boot here: {exc}")
    try:
        yield group
    finally:
        wait_until(lambda: _is_removed(group), what="all processes have ended")


def _is_removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        for path, _, _ in os.walk(group, topdown=False):
            Path(path).rmdir()
    return not group.exists()
