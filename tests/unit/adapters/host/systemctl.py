# SPDX-License-Identifier: Apache-2.0
"""A fake systemctl that shows the units a test has written."""

from pathlib import Path

from amphv2_bootstrap.adapters.host.services import Systemd

_SCRIPT = """#!/bin/sh
for last; do :; done
cat "{folder}/$last" 2>/dev/null || echo LoadState=not-found
"""


def make(folder: Path) -> Systemd:
    """A systemd with its units as files in ``folder``; see :func:`unit`."""
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(_SCRIPT.format(folder=folder))
    program.chmod(0o755)
    return Systemd(str(program), str(folder))


def unit(folder: Path, name: str, command: str, pid: int = 0) -> None:
    """A unit as 'systemctl show' prints it."""
    program = command.split()[0]
    text = (
        f"MainPID={pid}\nExecStart={{ path={program} ; argv[]={command} ; "
        "ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; "
        "code=(null) ; status=0/0 }\nLoadState=loaded\n"
    )
    (folder / name).write_text(text)
