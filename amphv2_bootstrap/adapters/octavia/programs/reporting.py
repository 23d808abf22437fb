# SPDX-License-Identifier: Apache-2.0
"""The request of a program, the lines that the proofs print, their time limits, and
their child processes.

    {"link": NAME, "seconds": NUMBER}       the link holds
    {"progress": TEXT}                      for an operator who waits
    {"note": TEXT}                          works, but the operator should know
    {"broken": LINK, "chain": [{"type": TEXT, "text": TEXT}, ...]}
    {"left": [TEXT, ...]}                   what couldn't be removed
    {"secrets": [TEXT, ...]}                secret options, to mask in all texts
    {"facts": {...}}                        the last line, if all links hold

A chain holds the error, then its causes. Texts may hold secrets; the program's caller
masks them.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

_DEEPEST = 6
_REQUEST_SECONDS = 90
"""From a head start to the request: the caller may not need the program after all."""

_REPEAT_SECONDS = 10.0
_CLEANUP_SECONDS = 20.0
_PATIENCE = 4
_PR_SET_PDEATHSIG = 1


class BrokenLinkError(Exception):
    """A link doesn't work, though no library raised an error."""


class AlreadyReportedError(Exception):
    """Ends a program that has already reported its error."""


class InterruptedRunError(BaseException):
    """The time is over, or SIGTERM came. Libraries don't catch a BaseException."""


def cause_of(exc: BaseException) -> BaseException | None:
    """The cause that Python's traceback would name; None after ``from None``."""
    if exc.__cause__ is not None or exc.__suppress_context__:
        return exc.__cause__
    return exc.__context__


class Report:
    """Writes the lines; ``link`` is the link under proof."""

    def __init__(self, stream: Any) -> None:
        self.link = "configuration"
        self._stream = stream

    def say(self, **facts: Any) -> None:
        """Write one line and flush it."""
        self._stream.write(json.dumps(facts) + "\n")
        self._stream.flush()

    @contextlib.contextmanager
    def at(self, link: str) -> Iterator[None]:
        """The link holds if the block raises no error."""
        self.link = link
        began = time.monotonic()
        yield
        self.say(link=link, seconds=round(time.monotonic() - began, 3))

    def broken(self, chain: list[dict[str, str]]) -> None:
        """Report that the link under proof is broken."""
        self.say(broken=self.link, chain=chain)

    def chain(self, exc: BaseException | None) -> list[dict[str, str]]:
        """The types and texts of an error and its causes.

        An error from a different process has its ``chain`` already.
        """
        found: list[dict[str, str]] = list(getattr(exc, "chain", None) or [])
        if found:
            return found
        while exc is not None and len(found) < _DEEPEST:
            kind = type(exc)
            # SQLAlchemy appends the statement with its values.
            text = str(exc).partition("\n[SQL:")[0]
            found.append({"type": f"{kind.__module__}.{kind.__name__}", "text": text})
            exc = cause_of(exc)
        return found


def request() -> dict[str, Any]:
    """The request, stdin's only line. The end of stdin then sends SIGTERM to this
    process: no signal reaches a container, and a caller that is killed sends none.
    """
    line = sys.stdin.readline()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    found: dict[str, Any] = json.loads(line)
    return found


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


Program = Callable[[Report, "dict[str, Any]"], None]


def run(program: Program, prepare: Callable[[], None] = lambda: None) -> None:
    """Run a program with the :func:`request`, for at most its ``timeout`` seconds.

    ``prepare`` is called before, and needs no request.

    The end of stdin ends it early, after its clean-up. Ends the process without waiting
    for threads, since a library's thread may wait for a dead server.
    """
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries may print: keep stdout for our lines
    logging.getLogger().addHandler(logging.NullHandler())
    report = Report(stream)
    code = 0
    try:
        prepare()
        signal.alarm(_REQUEST_SECONDS)
        asked = request()
        _bound(float(asked["timeout"]))
        program(report, asked)
    except AlreadyReportedError:
        code = 1
    except BaseException as exc:  # noqa: BLE001 - the boundary of the process
        report.broken(report.chain(exc))
        code = 1
    stream.flush()
    os._exit(code)


def _bound(seconds: float) -> None:
    """Interrupt after ``seconds``, then repeatedly, then exit."""
    interruptions = 0

    def interrupt(number: int, _frame: object) -> None:
        nonlocal interruptions
        interruptions += 1
        if interruptions > _PATIENCE:
            os._exit(1)
        why = "it was asked to stop" if number == signal.SIGTERM else "its time is over"
        raise InterruptedRunError(why)

    signal.signal(signal.SIGALRM, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT_SECONDS)


@contextlib.contextmanager
def cleaning(report: Report) -> Iterator[None]:
    """The block gets its own time and no SIGTERM; its error is reported."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, _CLEANUP_SECONDS, _REPEAT_SECONDS)
    try:
        yield
    except BaseException as exc:  # noqa: BLE001 - the boundary of the process
        first = report.chain(exc)[0]
        report.say(left=[f"unknown, since cleaning up failed: {first['text']}"])


def fork(work: Callable[[], None]) -> int:
    """Run ``work`` in a child that dies with this process; return its pid.

    Call it before starting any thread but that of :func:`request`, which holds no lock.
    The child exits with 1.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            work()
    finally:
        os._exit(1)


def kill(pid: int) -> None:
    """SIGKILL a child and wait for its end; safe to call twice."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
