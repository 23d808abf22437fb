# SPDX-License-Identifier: Apache-2.0
"""Kills the conductor once: before a step's work, or after it and before its record.

Python runs this module at its start if PYTHONPATH names this folder. ``KILL_AT`` is
``before STEP`` or ``after STEP``; the file ``KILL_MARKER`` tells that it happened.
"""

import os
import signal
import sys
from typing import Any

_WHEN, _, _STEP = os.environ["KILL_AT"].partition(" ")


def _kill_once() -> None:
    try:
        os.close(os.open(os.environ["KILL_MARKER"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _install() -> None:
    from amphv2_bootstrap.steps.base import Step

    real = Step.execute

    def execute(step: Step) -> dict[str, Any]:
        if step.name == _STEP and _WHEN == "before":
            _kill_once()
        done = real(step)
        if step.name == _STEP:
            _kill_once()
        return done

    Step.execute = execute  # type: ignore[assignment, method-assign]


if "amphv2_bootstrap.cmd.daemon" in sys.orig_argv:
    _install()
