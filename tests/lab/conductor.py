# SPDX-License-Identifier: Apache-2.0
"""``amphv2-conductor`` with a ledger of its steps, and gates at which they wait.

The environment names the ledger and the folder of the gates. While the file
``before-STEP`` exists, the step waits before its work; ``after-STEP``, after it.
"""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amphv2_bootstrap.cmd import daemon
from amphv2_bootstrap.engine.execution import runner
from amphv2_bootstrap.errors import CancelledError
from amphv2_bootstrap.steps.base import Step
from tests.faults.conductor_process import Diary, DiaryRunner
from tests.faults.ledger import BEGIN, BEGIN_UNDO, END, END_UNDO, Ledger

CONDUCTOR = "tests.lab.conductor"
LEDGER = "AMPHV2_LAB_LEDGER"
GATES = "AMPHV2_LAB_GATES"
HOST = "AMPHV2_LAB_HOST"


def noted(
    real: Callable[..., Any], diary: Diary, gates: Path, begin: str, end: str
) -> Callable[..., Any]:
    """``real``, a method of a step, with two lines in the ledger and its gates."""

    @functools.wraps(real)
    def method(step: Step, *args: Any, **more: Any) -> Any:
        diary.write(begin, step.atom_name)
        _wait(step, gates / f"before-{step.atom_name}")
        result = real(step, *args, **more)
        _wait(step, gates / f"after-{step.atom_name}")
        diary.write(end, step.atom_name)
        return result

    return method


def _wait(step: Step, gate: Path) -> None:
    while gate.exists():
        if step.context.cancelled.wait(0.05):
            raise CancelledError(f"go on with {step.atom_name}", why="cancelled")


def main() -> int:
    """Run the daemon with its usual arguments."""
    ledger, gates = Ledger(Path(os.environ[LEDGER])), Path(os.environ[GATES])
    diary = Diary(ledger, f"{os.environ[HOST]}:{os.getpid()}:lab:0")
    DiaryRunner.diary = diary
    setattr(runner, "Runner", DiaryRunner)  # noqa: B010 - the daemon's
    for name, begin, end in (("execute", BEGIN, END), ("revert", BEGIN_UNDO, END_UNDO)):
        setattr(Step, name, noted(getattr(Step, name), diary, gates, begin, end))
    return daemon.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
