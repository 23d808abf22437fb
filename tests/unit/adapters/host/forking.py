# SPDX-License-Identifier: Apache-2.0
"""Processes that fork others, as octavia-worker does."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

_CRASHING = """
import os, time
print(flush=True)
while True:
    if os.fork() == 0:
        time.sleep(0.3)
        os._exit(1)
    os.wait()
"""
_STEADY = """
import os, subprocess, time
if os.fork() == 0:
    time.sleep(3600)
subprocess.Popen(["sleep", "3600"])
print(flush=True)
time.sleep(3600)
"""


@contextlib.contextmanager
def _running(program: str) -> Iterator[int]:
    argv = (sys.executable, "-c", program)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def crashing() -> contextlib.AbstractContextManager[int]:
    """The id of a process; it stays up, but those that it forks end at once."""
    return _running(_CRASHING)


def steady() -> contextlib.AbstractContextManager[int]:
    """One with a fork that stays up, and another program below it."""
    return _running(_STEADY)
