# SPDX-License-Identifier: Apache-2.0
"""That a posted job is removed, also when the removal itself is interrupted."""

import json
import subprocess
import sys

import pytest

from tests import REPOSITORY

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
    program = _PROGRAM.replace("HINDRANCE", hindrance).replace("LEFT", repr(left))
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps({"timeout": 60}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("hindrance", "why"),
    [
        ("os.kill(os.getpid(), signal.SIGTERM)", "it was told to stop"),
        (
            "signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(60)",
            "its time is over",
        ),
        ('raise OSError("connection lost")', "connection lost"),
    ],
)
def test_a_removal_that_is_interrupted_is_done_again(hindrance: str, why: str) -> None:
    """Of a run that went well, too; the interruption is told, and nothing is left."""
    broken, removals = _run(hindrance, [])
    assert broken["broken"] == "cleanup"
    assert why in str(broken["chain"])
    assert removals == {"removals": 2}


def test_what_stays_is_told() -> None:
    """By name, after a second attempt to remove it."""
    broken, left, removals = _run("pass", ["a key"])
    assert broken["broken"] == "cleanup"
    assert left == {"left": ["a key"]}
    assert removals == {"removals": 2}


def test_a_clean_end() -> None:
    """One removal, and the program goes on."""
    link, facts, removals = _run("pass", [])
    assert link["link"] == "cleanup"
    assert facts == {"facts": {}}
    assert removals == {"removals": 1}
