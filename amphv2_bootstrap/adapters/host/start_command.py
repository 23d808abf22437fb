# SPDX-License-Identifier: Apache-2.0
"""Finds the command with which this host starts a service; changes nothing.

systemd knows it, unless the unit runs a script. That of Debian's openstack-pkg-tools
prints it on request; any other shows it in the running process.
"""

import contextlib
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from amphv2_bootstrap.adapters.host import commands, no_follow
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.errors import BootstrapError

_TIMEOUT = 30.0
_ARGUMENTS = re.compile(r"argv\[\]=(.*?) ; ")
_SHOW = "show-args"  # an action of those scripts; another script prints its usage
_NOBODY = "nobody"

Words = tuple[str, ...]


def start_command(
    program: str,
    units: Sequence[str],
    systemd: Systemd,
    init_scripts: Path = Path("/etc/init.d"),
) -> Words:
    """The program and its arguments; empty where that can't be found out.

    :param program: its name, such as octavia-worker.
    :param units: the first one that starts the program counts.
    """
    found: Iterator[Words]
    if systemd.available():
        found = (words for unit in units for words in _of_unit(unit, systemd))
    else:
        found = (_shown(init_scripts / unit) for unit in units)
    return next(filter(None, (_from(program, words) for words in found)), ())


def _of_unit(unit: str, systemd: Systemd) -> Iterator[Words]:
    """What may be the unit's command, the most certain first."""
    try:
        state = systemd.properties(unit, "LoadState", "ExecStart", "MainPID")
    except BootstrapError:
        return
    if state.get("LoadState") != "loaded":
        return
    words = tuple(" ".join(_ARGUMENTS.findall(state.get("ExecStart", ""))[:1]).split())
    if words and _is_init_script(Path(words[0])):
        yield _shown(Path(words[0]))
    elif not any("$" in word for word in words):
        yield words
    yield _of_process(state.get("MainPID", ""))


def _is_init_script(program: Path) -> bool:
    return program.parent.name == "init.d"


def _shown(script: Path) -> Words:
    """What a script of openstack-pkg-tools says; it only runs where it is root's."""
    if not script.is_file():
        return ()
    if no_follow.why_foreign(script.parent) or no_follow.is_others_file(str(script)):
        return ()
    user = _NOBODY if os.geteuid() == 0 else None  # as root, it would make folders
    with contextlib.suppress(BootstrapError, ValueError):
        done = commands.run((str(script), _SHOW), timeout=_TIMEOUT, user=user)
        return () if done.returncode else tuple(shlex.split(done.stdout))
    return ()


def _of_process(pid: str) -> Words:
    with contextlib.suppress(OSError):
        content = Path(f"/proc/{int(pid or 0)}/cmdline").read_bytes()
        return tuple(os.fsdecode(content).rstrip("\0").split("\0"))
    return ()


def _from(program: str, words: Words) -> Words:
    """The words from the program on; empty if they don't start it.

    Only an interpreter may precede it, so that no command of a container fits.
    """
    names = [Path(word).name for word in words[:2]]
    return words[names.index(program) :] if program in names else ()
