# SPDX-License-Identifier: Apache-2.0
"""The drill's folder, and which folders are removed."""

import tempfile
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia.programs.drill import (
    PREFIX,
    drill_folder,
    remove_dead,
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    found = tmp_path / "tmp"
    found.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found


def test_nothing_is_left(place: Path) -> None:
    """The folder is private, and is removed with its content."""
    with drill_folder() as folder:
        (folder / "notes").touch()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert list(place.iterdir()) == [folder]
    assert list(place.iterdir()) == []


def test_the_next_drill_removes_what_a_killed_one_left(place: Path) -> None:
    """A dead drill's folder is removed; those of running drills and others stay."""
    dead, other, target = place / f"{PREFIX}dead", place / "other", place / "target"
    for folder in (dead, other, target):
        folder.mkdir()
        (folder / "notes").touch()
    link = place / f"{PREFIX}link"
    link.symlink_to(target)
    with drill_folder() as first, drill_folder() as second:
        remove_dead()
        assert not dead.exists()
        assert {*place.iterdir()} == {first, second, other, target, link}
        assert (target / "notes").exists()
