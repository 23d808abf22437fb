# SPDX-License-Identifier: Apache-2.0
"""Finds the Python in which Octavia is installed.

It is the path of an interpreter, or a command that starts one in a container, such as
``docker exec -i octavia_worker python3``.
"""

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file, no_follow
from amphv2_bootstrap.adapters.octavia.programs.options import files_of
from amphv2_bootstrap.spec.model import HostSettings

OVERLAY = "persistence-overlay-"
"""Begins the names of our own private files of options."""

_CONTAINER_TOOLS = ("docker", "podman", "nerdctl", "crictl", "kubectl", "oc")
_LXC = "lxc-attach"
_KEEPS_STDIN = ("-i", "--interactive", "--stdin")
_PROGRAM = "octavia-db-manage"


def is_command(python: str) -> bool:
    """Whether it is a command, which has other files than this host."""
    return " " in python and not Path(python).exists()


def arguments_of(python: str) -> tuple[str, ...]:
    """The first arguments that start it."""
    return tuple(shlex.split(python)) if is_command(python) else (python,)


def interpreter_of(host: HostSettings) -> str | None:
    """The configured Python, else that of octavia-db-manage, else None."""
    return host.octavia_python or find_python(host.db_manage_command)


def carried(
    python: str, sources: Sequence[str], user: str | None = None
) -> dict[str, str]:
    """The texts of this host's files by path, for a Python that can't open them.

    :param user: who runs it here. An octavia.conf that this user can't open is a
        finding, so only what our own private files say is carried.
    :raises PermanentError: a file can't be read.
    """
    is_elsewhere = is_command(python)
    if not is_elsewhere and user is None:
        return {}
    here = [
        path
        for path in files_of(sources)
        if Path(path).exists() and (is_elsewhere or Path(path).name.startswith(OVERLAY))
    ]
    return {
        path: durable_file.read(path).decode("utf-8", "surrogateescape")
        for path in here
    }


def others_may_replace(host: HostSettings) -> Iterator[str]:
    """A sentence for each program of Octavia that root runs and others may change."""
    found = shutil.which(host.db_manage_command[0]) if host.db_manage_command else None
    python = interpreter_of(host)
    starter = shutil.which(arguments_of(python)[0]) if python else None
    for program in dict.fromkeys(filter(None, (found, starter))):
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

    If the command runs it in a container, the command that starts Python there. None
    if the program doesn't exist, or is neither.
    """
    if _PROGRAM in map(_name, db_manage_command[1:]):
        return _python_in_container(db_manage_command)
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


def _name(word: str) -> str:
    return Path(word).name


def _python_in_container(command: Sequence[str]) -> str | None:
    tool = _name(command[0])
    place = next(n for n, word in enumerate(command) if n and _name(word) == _PROGRAM)
    python = str(Path(command[place]).with_name("python3"))
    before = list(command[:place])
    if tool in _CONTAINER_TOOLS and "exec" in before:
        if not set(before).intersection(_KEEPS_STDIN):
            before.insert(before.index("exec") + 1, _KEEPS_STDIN[0])
    elif tool != _LXC:
        return None
    return shlex.join([*before, python])


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
