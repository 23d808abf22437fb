# SPDX-License-Identifier: Apache-2.0
"""A process that is killed before a change on disk."""

import itertools
import os
import signal
from collections.abc import Callable
from typing import Any


def run_killed_at(moment: int, work: Callable[[], None]) -> bool:
    """Run in a child that is killed before its ``moment``-th change on disk."""
    child = os.fork()
    if child == 0:
        try:
            _kill_at(moment)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


def _kill_at(moment: int) -> None:
    count = itertools.count()

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if next(count) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return wrapper

    for name in ("replace", "rename", "fsync", "unlink", "mkdir", "fchmod"):
        setattr(os, name, deadly(getattr(os, name)))
