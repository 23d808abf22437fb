# SPDX-License-Identifier: Apache-2.0
"""The demonstration leaves nothing behind, also where somebody ends it early."""

import contextlib
import os
import shutil
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
    """For the demo's folder; short, since a socket's path has to be."""
    made = Path(tempfile.mkdtemp(prefix="demo-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def demo(folder: Path, octavia: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """It runs with ``folder`` for temporary files, and tells its story in a file."""
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
    """As from a terminal; under nohup, or in the background, we may ignore some."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def left_by(folder: Path) -> list[int]:
    """The processes that were started with something below ``folder``."""
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
def test_who_ends_it_early_is_left_with_nothing(
    number: signal.Signals, chapter: str, folder: Path, octavia_venv: Path
) -> None:
    """In whatever chapter: no conductor, no server, no folder."""
    story = folder / "story"
    with demo(folder, octavia_venv) as process:
        wait_until(
            lambda: chapter in story.read_text(),
            what=f"it tells {chapter}",
            state=story.read_text,
        )
        assert left_by(folder)
        process.send_signal(number)
        assert process.wait(60) == 128 + number, story.read_text()
        assert left_by(folder) == []
    assert list(folder.iterdir()) == [story]
    assert f"ended by {number.name}" in story.read_text()
