# SPDX-License-Identifier: Apache-2.0
"""Answers of Octavia's Python hold until something there changes."""

import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.octavia.memory import Memory
from amphv2_bootstrap.adapters.octavia.programs.answering import stamp


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of libraries, changed a minute ago."""
    path = tmp_path / "site-packages"
    path.mkdir()
    settle(path)
    return path


def settle(path: Path) -> None:
    then = time.time() - 60
    os.utime(path, (then, then))


def remembered(tmp_path: Path, folder: Path, **more: Any) -> Memory:
    memory = Memory(sys.executable, str(tmp_path / "state"))
    answer = {"seen": {str(folder): stamp(str(folder))}, **more}
    memory.keep("facts", answer, time.time())
    return memory


def test_kept(tmp_path: Path, folder: Path) -> None:
    """Another process recalls the answer, from a private file."""
    remembered(tmp_path, folder, versions={"octavia": "1"})
    again = Memory(sys.executable, str(tmp_path / "state")).recall("facts")
    assert again is not None
    assert again["versions"] == {"octavia": "1"}
    (path,) = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Memory(sys.executable, None).recall("facts") is None


def test_several_questions(tmp_path: Path, folder: Path) -> None:
    """One answer doesn't displace another."""
    memory = remembered(tmp_path, folder)
    memory.keep("redis", {"seen": {str(folder): stamp(str(folder))}}, time.time())
    assert memory.recall("facts")
    assert memory.recall("redis")
    assert memory.recall("etcd") is None


def test_forgotten_with_a_change(tmp_path: Path, folder: Path) -> None:
    """A library that comes or goes makes the answer void."""
    memory = remembered(tmp_path, folder)
    (folder / "redis").mkdir()
    assert memory.recall("facts") is None


def test_forgotten_with_the_folder(tmp_path: Path, folder: Path) -> None:
    """So does a folder that goes."""
    memory = remembered(tmp_path, folder)
    folder.rmdir()
    assert memory.recall("facts") is None


def test_other_interpreter_or_surroundings(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is one interpreter's, in the same environment."""
    remembered(tmp_path, folder)
    state = str(tmp_path / "state")
    assert Memory("/bin/sh", state).recall("facts") is None
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert Memory(sys.executable, state).recall("facts") is None


def test_not_kept_while_it_changes(tmp_path: Path, folder: Path) -> None:
    """A folder changed this moment may change again unseen."""
    os.utime(folder)
    memory = remembered(tmp_path, folder)
    assert memory.recall("facts") is None


@pytest.mark.parametrize("seen", [None, {}, {"/no/such": None}, {"/": [1, 2]}])
def test_not_kept_of_a_container(tmp_path: Path, seen: object) -> None:
    """An answer about folders that aren't this host's isn't kept."""
    memory = Memory(sys.executable, str(tmp_path / "state"))
    memory.keep("facts", {"seen": seen}, time.time())
    assert memory.recall("facts") is None


@pytest.mark.parametrize("text", ["", "[]", '{"of": 1}', "\x00"])
def test_broken_file(tmp_path: Path, folder: Path, text: str) -> None:
    """A file that isn't ours is no error; the next answer replaces it."""
    path = tmp_path / "state" / "octavia-python.json"
    path.parent.mkdir()
    path.write_text(text)
    assert Memory(sys.executable, str(path.parent)).recall("facts") is None
    assert remembered(tmp_path, folder).recall("facts")


def test_unwritable(tmp_path: Path, folder: Path) -> None:
    """Where it can't be kept, it is asked anew."""
    (tmp_path / "state").write_text("a file")
    assert remembered(tmp_path, folder).recall("facts") is None
