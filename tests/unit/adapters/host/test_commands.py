# SPDX-License-Identifier: Apache-2.0
"""Other programs: their lines as they come, and time to end well."""

import threading
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.errors import CancelledError


def test_lines_are_told_as_they_come(tmp_path: Path) -> None:
    """The program goes on only when its first line was told."""
    go, seen = tmp_path / "go", list[str]()

    def on_line(line: str) -> None:
        seen.append(line)
        go.touch()

    script = f"echo first; while [ ! -e {go} ]; do sleep 0.01; done; echo second"
    done = commands.run(("sh", "-c", script), timeout=60, on_line=on_line)
    assert seen == ["first\n", "second\n"]
    assert done.stdout == "first\nsecond\n"


def test_a_cancelled_program_may_clean_up(tmp_path: Path) -> None:
    """With a grace it gets SIGTERM first, and is waited for."""
    cancelled, cleaned = threading.Event(), tmp_path / "cleaned"
    script = f"trap 'touch {cleaned}; exit' TERM; echo on; while :; do sleep 0.01; done"
    with pytest.raises(CancelledError):
        commands.run(
            ("sh", "-c", script),
            timeout=60,
            cancelled=cancelled,
            on_line=lambda line: cancelled.set(),
            grace=30,
        )
    assert cleaned.exists()


def test_a_grace_has_an_end() -> None:
    """A program that won't end is killed then."""
    cancelled = threading.Event()
    with pytest.raises(CancelledError):
        commands.run(
            ("sh", "-c", "trap '' TERM; echo on; while :; do sleep 0.01; done"),
            timeout=60,
            cancelled=cancelled,
            on_line=lambda line: cancelled.set(),
            grace=0.1,
        )


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exec >&- 2>&-; sleep 0.3; exit 3", 3),
        ("sleep 5 & exit 4", 4),
        ("echo said; exit 5", 5),
    ],
    ids=["closes its output before", "leaves a child with its output", "plain"],
)
def test_the_end_of_a_program_is_its_own(script: str, code: int) -> None:
    """Not the end of its output, which may come before or after."""
    done = commands.run(["sh", "-c", script], timeout=60)
    assert done.returncode == code
