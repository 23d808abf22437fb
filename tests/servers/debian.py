# SPDX-License-Identifier: Apache-2.0
"""A Debian with its packages of Octavia, copied from what tools/debian-root.sh made."""

import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import amphv2_bootstrap
from tests import REPOSITORY
from tests.servers.process import unavailable

ROOT = REPOSITORY / ".cache" / "debian-12"
"""The folder that is copied."""
SITE = "opt/amphv2-bootstrap/lib/python3.11/site-packages"
"""Where the libraries of this program are there."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COMMAND = """\
#!/bin/sh
exec /opt/amphv2-bootstrap/bin/python -m amphv2_bootstrap.cmd.main "$@"
"""
# Each command gets the mounts anew; what it writes stays in "upper".
_INSIDE = """
cd {top}
mount -t overlay overlay -o lowerdir={root},upperdir=upper,workdir=work all
mount -t proc proc all/proc
exec chroot all "$@"
"""


class Debian:
    """The copy, below ``folder``; it shares the loopback network of this machine.

    :param program: bring this program, too.
    """

    def __init__(self, folder: Path, *, program: bool = True) -> None:
        if not (ROOT / SITE / ".." / ".." / ".." / ".made").exists():
            unavailable("no Debian with Octavia: run tools/debian-root.sh")
        if os.geteuid():
            unavailable("only root may mount")
        self.folder = folder
        for name in ("upper", "work", "all"):
            (folder / name).mkdir(parents=True)
        if program:
            self._install()

    def _install(self) -> None:
        """Bring this program, with its entry points."""
        package = Path(amphv2_bootstrap.__file__).parent
        shutil.copytree(package, self.path(SITE) / package.name)
        name = "amphv2_bootstrap-1.dist-info"
        (self.path(SITE) / name).mkdir()
        own = metadata.distribution("amphv2-bootstrap")
        for file in ("METADATA", "entry_points.txt"):
            text = own.read_text(file) or own.read_text("PKG-INFO") or ""
            (self.path(SITE) / name / file).write_text(text)
        program = self.path("usr/local/bin/amphv2-bootstrap")
        program.parent.mkdir(parents=True)
        program.write_text(_COMMAND)
        program.chmod(0o755)

    def path(self, name: str) -> Path:
        """Where a changed or new file of the copy is on this machine."""
        return self.folder / "upper" / name.lstrip("/")

    def enter(self) -> list[str]:
        """What runs a command as root there, if it comes before it."""
        script = _INSIDE.format(root=ROOT, top=self.folder)
        return ["unshare", "--mount", "sh", "-ec", script, "sh"]

    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as root there; its errors are in its output."""
        return subprocess.run(
            (*self.enter(), *argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=250,
            check=False,
            env={"PATH": _PATH, "LC_ALL": "C.UTF-8"},
        )
