# SPDX-License-Identifier: Apache-2.0
"""Machines on which the commands of a page are typed as they stand: namespaces.

Each has a name and processes of its own, and files below ``/etc`` and other folders.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conversation import on_terminal
from tests.servers.process import binary, unavailable

# Says when it is ready, and then waits for its stdin to end.
_BEGIN = """\
set -e
hostname "$1"
mount -t tmpfs -o mode=755 none /mnt
for folder in etc opt root usr/local var/lib; do
    name=$(echo "$folder" | tr / -)
    mkdir "/mnt/$name" "/mnt/$name.work"
    options="lowerdir=/$folder,upperdir=/mnt/$name,workdir=/mnt/$name.work"
    mount -t overlay -o "$options" none "/$folder"
done
[ ! -d /run/systemd ] || mount -t tmpfs none /run/systemd
rm -rf /etc/amphv2-bootstrap /etc/octavia /opt/amphv2-bootstrap /root/.my.cnf
rm -rf /var/lib/amphv2-bootstrap
mkdir /etc/amphv2-bootstrap /etc/octavia /opt/amphv2-bootstrap
mkdir -p "$2/$1/etc/amphv2-bootstrap" "$2/opt"
mount --bind "$2/$1/etc/amphv2-bootstrap" /etc/amphv2-bootstrap
mount --bind "$2/opt" /opt/amphv2-bootstrap
echo ready
read end
"""
# Starts what the unit starts; the terminal may end before its session begins.
_SYSTEMCTL = """\
#!/bin/sh
[ "$1 $2" = "enable --now" ] || { echo "Unknown unit." >&2; exit 4; }
program=$(sed -n 's/^ExecStart=//p' "/etc/systemd/system/$3.service")
trap "" HUP
setsid "$program" < /dev/null >> /mnt/conductor.log 2>&1 &
"""
_ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INDEX": "1",
    "TERM": "xterm-256color",
}
_SCP = """\
#!/bin/sh
exec cp -rp "$2" "{shared}/${{3%%:*}}${{3#*:}}"
"""


@dataclass(frozen=True)
class Machine:
    """One machine; it ends with the process ``pid``, and all that runs there, too."""

    name: str
    pid: int

    def write(self, path: str, text: str, mode: int = 0o600) -> None:
        """Write a file there, and its folder."""
        file = Path(f"/proc/{self.pid}/root{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode)
        file.write_text(text)
        file.chmod(mode)

    def read(self, path: str) -> str:
        """A file there."""
        return Path(f"/proc/{self.pid}/root{path}").read_text()

    def type(
        self,
        command: str,
        answers: Sequence[tuple[str, str]] = (),
    ) -> tuple[int, str]:
        """Type a command on a terminal; see :func:`on_terminal`."""
        inside = ("--target", str(self.pid), "--mount", "--uts", "--pid")
        argv = [binary("nsenter"), *inside, "sh", "-c", f"cd /mnt; {command}"]
        return on_terminal(argv, answers, _ENVIRONMENT)


@contextlib.contextmanager
def running_machine(name: str, shared: Path) -> Iterator[Machine]:
    """A machine with that host name; each program of the pages is there.

    :param shared: has the ``/opt/amphv2-bootstrap`` of all machines, and a folder with
        the name of each, which ``scp`` on the others reaches.
    """
    if os.geteuid():
        unavailable("namespaces with mounts need root")
    flags = ("--mount", "--uts", "--pid", "--fork", "--mount-proc")
    argv = [binary("unshare"), *flags, "--kill-child=SIGKILL", "sh", "-c", _BEGIN]
    with subprocess.Popen(
        [*argv, "sh", name, str(shared)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        try:
            if not process.stdout.readline():
                unavailable(f"no machine of its own: {process.stderr.read()}")
            machine = Machine(name, _child(process.pid))
            machine.write("/usr/local/bin/systemctl", _SYSTEMCTL, 0o755)
            machine.write("/usr/local/bin/scp", _SCP.format(shared=shared), 0o755)
            yield machine
        finally:
            process.stdin.close()


def _child(pid: int) -> int:
    """The only child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
