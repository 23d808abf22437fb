# SPDX-License-Identifier: Apache-2.0
"""A posted job is removed, even if the removal is interrupted."""

import pytest

from tests.unit.adapters.octavia.programs.script import run_script

_PROGRAM = """
import os, signal, sys, time
from amphv2_bootstrap.adapters.octavia.programs import reporting, scratch_job

class Scratch:
    label = "label"
    removals = 0

    def remove(self, board, job):
        self.removals += 1
        if self.removals == 1:
            HINDRANCE
        return LEFT

def program(report, request):
    scratch = Scratch()
    try:
        with scratch_job.scratch_job(report, None, None, scratch):
            pass
        report.say(facts={})
    finally:
        report.say(removals=scratch.removals)

reporting.run(program)
"""


def _run(hindrance: str, left: list[str]) -> list[dict[str, object]]:
    source = _PROGRAM.replace("HINDRANCE", hindrance).replace("LEFT", repr(left))
    return run_script(source)


@pytest.mark.parametrize(
    ("hindrance", "why"),
    [
        ("os.kill(os.getpid(), signal.SIGTERM)", "it was asked to stop"),
        (
            "signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(60)",
            "its time is over",
        ),
        ('raise OSError("connection lost")', "connection lost"),
    ],
)
def test_an_interrupted_removal_runs_again(hindrance: str, why: str) -> None:
    """The interruption is reported, and a second removal leaves nothing."""
    broken, removals = _run(hindrance, [])
    assert broken["broken"] == "cleanup"
    assert why in str(broken["chain"])
    assert removals == {"removals": 2}


def test_what_is_left_is_reported() -> None:
    """After two removals, what is left is reported by name."""
    broken, left, removals = _run("pass", ["a key"])
    assert broken["broken"] == "cleanup"
    assert left == {"left": ["a key"]}
    assert removals == {"removals": 2}


def test_a_clean_end() -> None:
    """After one removal the program continues."""
    link, facts, removals = _run("pass", [])
    assert link["link"] == "cleanup"
    assert facts == {"facts": {}}
    assert removals == {"removals": 1}
