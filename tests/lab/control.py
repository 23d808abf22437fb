# SPDX-License-Identifier: Apache-2.0
"""A lab for people: a process in the background holds it, commands talk to that."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests import REPOSITORY
from tests.lab.lab import Lab, LabError
from tests.lab.machine import own_network
from tests.servers.process import wait_until

# Short, as a path of sockets must be.
FOLDER = Path(tempfile.gettempdir()) / f"amphv2-lab-{os.getuid()}"
_SOCKET = "control"
_LOG = "lab.log"


def up(board: str, *, tls: bool = False) -> str:
    """Start a lab; end one that is there, and remove what a crash left."""
    down()
    FOLDER.mkdir(mode=0o700)
    argv = [*own_network(), sys.executable, "-m", "tests.lab", "serve", board]
    argv += ["--tls"] * tls
    with (FOLDER / _LOG).open("wb") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            start_new_session=True,
        )
    (FOLDER / "pid").write_text(str(process.pid))
    wait_until(
        lambda: (FOLDER / _SOCKET).exists() or process.poll() is not None,
        what="the lab is up",
        timeout=300,
    )
    if process.poll() is not None:
        raise LabError(f"the lab did not start:\n{(FOLDER / _LOG).read_text()[-3000:]}")
    return ask("status")


def down() -> str:
    """End the lab, if there is one, and remove its folder."""
    if not FOLDER.exists():
        return "No lab is there."
    if FOLDER.lstat().st_uid != os.getuid() or FOLDER.is_symlink():
        raise LabError(f"{FOLDER} belongs to somebody else: remove it")
    with contextlib.suppress(OSError, ValueError):
        pid = int((FOLDER / "pid").read_text())
        if b"tests.lab" in Path(f"/proc/{pid}/cmdline").read_bytes():
            # Its children are in its pid namespace, and die with it.
            os.kill(pid, 9)
            wait_until(lambda: not _runs(pid), what="the lab has ended")
    shutil.rmtree(FOLDER)
    return "The lab is down."


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError, ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return Path(f"/proc/{pid}").exists()


def ask(*words: str) -> str:
    """Have the lab do something; return its answer.

    :raises LabError: it can't.
    """
    with socket.socket(socket.AF_UNIX) as conversation:
        try:
            conversation.connect(str(FOLDER / _SOCKET))
        except OSError as exc:
            raise LabError(f"no lab is up ({exc}): run tools/lab.sh up") from exc
        with conversation.makefile("rw") as file:
            print(json.dumps(words), file=file, flush=True)
            code, text = json.loads(file.readline())
    if code:
        raise LabError(text)
    return str(text)


def serve(board: str, *, tls: bool = False) -> None:
    """Hold a lab, and answer commands one after the other, until a signal comes."""
    lab = Lab(FOLDER, board, tls=tls)
    lab.up()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(FOLDER / _SOCKET))
        listening.listen()
        while True:
            conversation, _ = listening.accept()
            with conversation, conversation.makefile("rw") as file:
                answer = _answer(lab, json.loads(file.readline()))
                with contextlib.suppress(BrokenPipeError):
                    print(json.dumps(answer), file=file, flush=True)


def _answer(lab: Lab, words: Sequence[str]) -> tuple[int, str]:
    try:
        return 0, _act(lab, *words)
    except LabError as exc:
        return 1, str(exc)


def _act(lab: Lab, verb: str, name: str = "", *arguments: str) -> str:
    if verb == "status":
        return _status(lab)
    host = lab.hosts[name]
    if verb == "start":
        if host.machine.is_on:
            raise LabError(f"{name} is on already")
        host.start()
    elif not host.machine.is_on:
        raise LabError(f"{name} is switched off: start it first")
    elif verb == "run":
        return lab.cli(*arguments, host=name)
    else:
        actions = {
            "kill": host.machine.power_off,
            "cut": host.machine.cut,
            "heal": host.machine.heal,
        }
        actions[verb]()
    return _status(lab)


def _status(lab: Lab) -> str:
    lines = []
    for host in lab.hosts.values():
        if not host.machine.is_on:
            state = "off"
        elif host.machine.is_cut:
            state = "cut off from the network"
        else:
            unready = host.unready()
            state = f"not ready: {', '.join(unready)}" if unready else "serves"
        lines.append(f"{host.name}  {host.machine.address}  {state}")
    return "\n".join(lines)
