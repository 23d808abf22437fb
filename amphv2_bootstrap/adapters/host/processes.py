# SPDX-License-Identifier: Apache-2.0
"""Whether a service that was just started stays up, with the processes it forks.

octavia-worker's first process stays up while the processes that do its work crash,
since cotyledon starts them again.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.errors import CancelledError

_POLL_SECONDS = 0.1
_START_TIME = 19
"""Index in /proc/PID/stat, after the name, which may hold blanks."""

Process = tuple[int, str]
"""Its id and start time: the kernel uses ids again."""


@dataclass(frozen=True, slots=True)
class Look:
    """A service as it was seen once.

    ``trouble`` says why it doesn't run, if so. ``start`` changes when it is started
    again. ``forks`` are the processes below its first one, see :func:`forks`.
    """

    start: tuple[object, ...]
    forks: frozenset[Process] = frozenset()
    trouble: str = ""


def why_unsteady(
    look: Callable[[], Look], seconds: float, cancelled: threading.Event
) -> str:
    """Why a service doesn't stay up for ``seconds``; empty if it does.

    One end of a fork is forgiven, since it may have been a short one; then the time
    begins anew.

    :raises CancelledError: ``cancelled`` was set.
    """
    first = seen = look()
    since, ended = time.monotonic(), 0
    while not seen.trouble:
        if seen.start != first.start:
            return "it was started again by itself"
        if ended > 1:
            return "the processes that it forks end, one after the other"
        if time.monotonic() - since >= seconds:
            return ""
        if cancelled.wait(_POLL_SECONDS):
            raise CancelledError("watch a service that was started", why="cancelled")
        former, seen = seen, look()
        if former.forks - seen.forks:
            since, ended = time.monotonic(), ended + 1
    return seen.trouble


def forks(pid: int) -> frozenset[Process]:
    """The processes below ``pid`` that run the same program as their parent.

    What a process runs as another program, such as sudo, may end at any time.
    """
    return frozenset(_forks(pid))


def _forks(parent: int) -> Iterator[Process]:
    for child in _children(parent):
        program = _program(child)
        if program and program == _program(parent):
            yield child, _start_time(child)
        yield from _forks(child)


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, _text(task).split())


def _program(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""  # it has just ended


def _start_time(pid: int) -> str:
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return fields[_START_TIME] if len(fields) > _START_TIME else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
