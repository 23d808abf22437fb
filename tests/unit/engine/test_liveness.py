# SPDX-License-Identifier: Apache-2.0
"""One notion of liveness, for conductors of any interval."""

import dataclasses

import pytest

from amphv2_bootstrap.engine.liveness import ConductorRow, alive
from amphv2_bootstrap.engine.process_identity import ProcessIdentity

ME = ProcessIdentity.of_this_process("c1")
ELSEWHERE = dataclasses.replace(ME, machine="00000000")
ENDED = dataclasses.replace(ME, start="1-dead")


def _row(owner: object, age: float, interval: float = 10.0) -> ConductorRow:
    return ConductorRow(str(owner), "c1", 1, "1.0", 0.0, 0.0, age, interval)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (_row(ME, 30.0), "alive"),
        (_row(ELSEWHERE, 30.0), "alive"),
        (_row(ELSEWHERE, 30.1), "silent"),
        (_row(ELSEWHERE, 30.1, 60.0), "alive"),
        (_row(ELSEWHERE, 3.1, 1.0), "silent"),
        (_row(ELSEWHERE, -10.0), "alive"),
        (_row(ELSEWHERE, -3600.0), "silent"),
        (_row(ENDED, 0.0), "dead"),
        (_row("of another form", 0.0), "alive"),
    ],
    # The owners hold this process's pid: ids of them would differ by worker.
    ids=[
        "here",
        "elsewhere",
        "silent",
        "slow",
        "fast",
        "early",
        "future",
        "ended",
        "another form",
    ],
)
def test_a_conductors_state(row: ConductorRow, expected: str) -> None:
    """Dead where this host can see it, at any age; otherwise its interval decides."""
    assert row.liveness == expected
    assert alive([row]) == ([row] if expected == "alive" else [])
