# SPDX-License-Identifier: Apache-2.0
"""A command on a terminal, and somebody who answers its questions."""

import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.servers.process import binary

END = "\x04"
"""Ctrl-D at the beginning of a line."""


def converse(
    arguments: Sequence[str], answers: Sequence[tuple[str, str]]
) -> tuple[int, str]:
    """Run ``amphv2-bootstrap``; see :func:`on_terminal`."""
    argv = [sys.executable, "-m", "amphv2_bootstrap.cmd.main", *arguments]
    return on_terminal(argv, answers)


def on_terminal(
    argv: Sequence[str],
    answers: Sequence[tuple[str, str]] = (),
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run a program; its exit code and what the terminal shows.

    :param answers: what the end of each question has, and what is typed then.
    :param env: the whole environment, in place of this process's.
    """
    ours, other = os.openpty()
    process = subprocess.Popen(
        # The terminal is the one of the session, as it is for a shell's commands.
        [binary("setsid"), "--ctty", "--wait", *argv],
        stdin=other,
        stdout=other,
        stderr=other,
        env=env,
    )
    os.close(other)
    shown = ""
    try:
        for question, answer in answers:
            shown += _until(ours, question)
            os.write(ours, answer.encode() if answer == END else f"{answer}\n".encode())
        shown += _until(ours, None)
    finally:
        os.close(ours)
        process.terminate()
        code = process.wait(60)
    return code, shown.replace("\r", "")


def _until(terminal: int, end: str | None) -> str:
    """What is shown until a line has ``end``; None is the end of the command."""
    found = b""
    while end is None or end.encode() not in found.rpartition(b"\n")[2]:
        ready, _, _ = select.select([terminal], [], [], 120)
        assert ready, f"{end} was not asked: {found.decode()}"
        try:
            block = os.read(terminal, 4096)
        except OSError:  # on Linux: the other end is closed
            block = b""
        if not block:
            assert end is None, f"{end} was not asked: {found.decode()}"
            break
        found += block
    return found.decode()
