# SPDX-License-Identifier: Apache-2.0
"""Finds the Python in which Octavia is installed."""

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from amphv2_bootstrap.adapters.host import no_follow
from amphv2_bootstrap.spec.model import HostSettings


def interpreter_of(host: HostSettings) -> str | None:
    """The configured interpreter, else that of octavia-db-manage, else None."""
    return host.octavia_python or find_python(host.db_manage_command)


def others_may_replace(host: HostSettings) -> Iterator[str]:
    """A sentence for each program of Octavia that root runs and others may change."""
    found = shutil.which(host.db_manage_command[0]) if host.db_manage_command else None
    for program in dict.fromkeys(filter(None, (found, interpreter_of(host)))):
        why = no_follow.why_foreign(Path(program).parent)
        if why is None and no_follow.is_others_file(program):
            why = "others than root may write it"
        if why:
            yield (
                f"Root runs {program}, and {why}: who can do that is root on this "
                "host. Give the program and its folders to root."
            )


def find_python(db_manage_command: Sequence[str]) -> str | None:
    """The interpreter in the first line of octavia-db-manage.

    None if the program doesn't exist or isn't a Python script, as with a container's
    ``docker exec``.
    """
    program = shutil.which(db_manage_command[0]) if db_manage_command else None
    if program is None:
        return None
    try:
        with Path(program).open("rb") as stream:
            first, second = stream.readline(4096), stream.readline(4096)
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    return _interpreter(os.fsdecode(first[2:]), os.fsdecode(second))


def _interpreter(shebang: str, second_line: str) -> str | None:
    words = shebang.split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if word[:1] != "-" and "=" not in word]
    elif second_line.startswith("'''exec' "):
        # pip writes this form if the interpreter's path is long or has a space.
        words = shlex.split(second_line[len("'''exec' ") :])
    found = shutil.which(words[0]) if words else None
    if found is None or not Path(found).name.startswith(("python", "pypy")):
        return None
    return found
