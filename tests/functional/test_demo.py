# SPDX-License-Identifier: Apache-2.0
"""The demonstration leaves nothing behind, also if it is ended early."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.servers.process import wait_until

DEMO = REPOSITORY / "tools" / "demo.py"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, since the path of a socket must be short."""
    with tempfile.TemporaryDirectory(
        prefix="demo-", ignore_cleanup_errors=True
    ) as made:
        yield Path(made)


@contextlib.contextmanager
def demo(folder: Path, octavia: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run it with temporary files and its output, ``story``, in ``folder``."""
    environment = {
        **os.environ,
        "TMPDIR": str(folder),
        "AMPHV2_OCTAVIA_VENV": str(octavia),
        "PYTHONUNBUFFERED": "1",
    }
    with (folder / "story").open("wb") as story:
        process = subprocess.Popen(
            [sys.executable, str(DEMO)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=story,
            stderr=story,
            start_new_session=True,
            preexec_fn=_ignore_nothing,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pid in left_by(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _ignore_nothing() -> None:
    """Handle signals as from a terminal; under nohup, some would be ignored."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def left_by(folder: Path) -> list[int]:
    """The processes with ``folder`` in their command lines."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end at any time
            if os.fsencode(folder) in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


@pytest.mark.parametrize(
    ("number", "chapter"),
    [
        (signal.SIGTERM, "== 2. "),
        (signal.SIGHUP, "== 3. "),
        (signal.SIGINT, "== 5. "),
    ],
)
def test_an_early_end_leaves_nothing_behind(
    number: signal.Signals, chapter: str, folder: Path, octavia_venv: Path
) -> None:
    """After a signal, no conductor, server or folder is left."""
    story = folder / "story"
    with demo(folder, octavia_venv) as process:
        wait_until(
            lambda: chapter in story.read_text(),
            what=f"it prints {chapter}",
            state=story.read_text,
        )
        assert left_by(folder)
        process.send_signal(number)
        assert process.wait(60) == 128 + number, story.read_text()
        assert left_by(folder) == []
    assert list(folder.iterdir()) == [story]
    assert f"ended by {number.name}" in story.read_text()
