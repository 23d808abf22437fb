# SPDX-License-Identifier: Apache-2.0
"""Running other programs: their output, their end, and cancellation."""

import os
import stat
import threading
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.errors import CancelledError


def test_lines_are_passed_on_at_once(tmp_path: Path) -> None:
    """``on_line`` gets a line while the program waits for its effect."""
    go, seen = tmp_path / "go", list[str]()

    def on_line(line: str) -> None:
        seen.append(line)
        go.touch()

    script = f"echo first; while [ ! -e {go} ]; do sleep 0.01; done; echo second"
    done = commands.run(("sh", "-c", script), timeout=60, on_line=on_line)
    assert seen == ["first\n", "second\n"]
    assert done.stdout == "first\nsecond\n"


def test_a_cancelled_program_may_clean_up(tmp_path: Path) -> None:
    """With a grace period, stdin ends by the cancellation only, with time to end."""
    cancelled, cleaned = threading.Event(), tmp_path / "cleaned"
    script = f"read -r line; echo $line; cat; touch {cleaned}"
    with pytest.raises(CancelledError):
        commands.run(
            ("sh", "-c", script),
            timeout=60,
            cancelled=cancelled,
            stdin="on\n",
            on_line=lambda line: cancelled.set(),
            grace=30,
        )
    assert cleaned.exists()


def test_a_grace_period_ends() -> None:
    """A program that ignores the end of stdin is killed after the grace period."""
    cancelled = threading.Event()
    with pytest.raises(CancelledError):
        commands.run(
            ("sh", "-c", "echo on; while :; do sleep 0.01; done"),
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
    ids=["closes its output first", "leaves a child with its output", "plain"],
)
def test_a_run_ends_with_the_program(script: str, code: int) -> None:
    """The exit code is right if the output ends before or after the program."""
    done = commands.run(["sh", "-c", script], timeout=60)
    assert done.returncode == code


def test_a_program_has_the_usual_umask(tmp_path: Path) -> None:
    """Everybody may read what a program makes, as if a shell had started it."""
    before = os.umask(0o077)
    try:
        commands.run(("mkdir", str(tmp_path / "made")), timeout=60)
        (tmp_path / "own").touch()
    finally:
        os.umask(before)
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert modes == {"made": 0o755, "own": 0o600}
