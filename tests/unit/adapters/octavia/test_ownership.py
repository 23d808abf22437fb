# SPDX-License-Identifier: Apache-2.0
"""Whose the files are that are made for Octavia."""

import os
import stat
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia import ownership
from amphv2_bootstrap.errors import PermanentError

OCTAVIA = 4711
GROUP = 4712
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root gives files to others"
)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """An octavia.conf as distributions have it, but for its owner."""
    path = tmp_path / "octavia.conf"
    path.touch()
    path.chmod(0o640)
    return path


def _made(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def _make(folder: Path, conf: Path) -> Path:
    ownership.make_folder(folder, str(conf))
    ownership.make_file(folder / "octavia.db", str(conf))
    return folder / "octavia.db"


@as_root
@pytest.mark.parametrize(
    ("owner", "mode", "file", "folder"),
    [
        ((0, GROUP), 0o640, 0o660, 0o770),  # packages of the distributions
        ((OCTAVIA, GROUP), 0o600, 0o600, 0o700),  # containers' files on the host
        ((OCTAVIA, GROUP), 0o644, 0o660, 0o770),  # a laptop
        ((0, 0), 0o600, 0o600, 0o700),  # all runs as root
    ],
)
def test_what_is_made_is_of_those_who_read_octavias_configuration(
    tmp_path: Path,
    conf: Path,
    owner: tuple[int, int],
    mode: int,
    file: int,
    folder: int,
) -> None:
    """Owner and group, whatever the umask is; each folder that was missing, too."""
    os.chown(conf, *owner)
    conf.chmod(mode)
    before = os.umask(0o077)
    try:
        path = _make(tmp_path / "srv" / "octavia", conf)
    finally:
        os.umask(before)
    assert _made(path) == (*owner, file)
    assert _made(path.parent) == (*owner, folder)
    assert _made(path.parent.parent) == (*owner, folder)
    assert ownership.closed_to_octavia(path, str(conf)) == ()


@as_root
def test_where_that_tells_nothing_the_folder_does(tmp_path: Path, conf: Path) -> None:
    """An octavia.conf of root's that all may read, beside a folder of Octavia's."""
    conf.chmod(0o644)
    home = tmp_path / "lib"
    home.mkdir()
    os.chown(home, OCTAVIA, GROUP)
    path = _make(home / "deep", conf)
    assert _made(path.parent) == (OCTAVIA, GROUP, 0o700)
    assert _made(path) == (OCTAVIA, GROUP, 0o600)
    assert ownership.closed_to_octavia(path, str(conf)) == ()


@as_root
def test_a_file_that_may_be_closed_to_octavia_is_warned_of(
    tmp_path: Path, conf: Path
) -> None:
    """SQLite needs the folder, too: it makes its journal there."""
    folder = tmp_path / "srv"
    folder.mkdir(0o755)
    os.chown(conf, 0, GROUP)
    path = _make(folder, conf)
    (warning,) = ownership.closed_to_octavia(path, str(conf))
    assert f"write {folder}." in warning
    assert "chown" in warning
    os.chown(conf, 0, 0)
    conf.chmod(0o644)
    os.chown(path, 0, 0)
    (warning,) = ownership.closed_to_octavia(path, str(conf))
    assert f"write {path} and {folder}." in warning


def test_what_is_there_stays_as_it_is(tmp_path: Path, conf: Path) -> None:
    """Content, mode and owner; nothing else is left in the folder."""
    path = tmp_path / "data" / "octavia.db"
    path.parent.mkdir(mode=0o711)
    path.write_text("rows")
    path.chmod(0o604)
    before = _made(path), _made(path.parent)
    _make(path.parent, conf)
    assert (_made(path), _made(path.parent)) == before
    assert path.read_text() == "rows"
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_left_where_it_fails(
    tmp_path: Path, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not give files away is told so, and a later run begins anew."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    for make in (ownership.make_folder, ownership.make_file):
        with pytest.raises(PermanentError, match=r"not permitted\. Run as root"):
            make(tmp_path / "new", str(conf))
    assert list(tmp_path.iterdir()) == [conf]


def test_a_link_leads_to_the_file_that_is_made(tmp_path: Path, conf: Path) -> None:
    """SQLite would make it there, and as root's."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    ownership.make_file(tmp_path / "link", str(conf))
    assert (tmp_path / "real").is_file()
    assert (tmp_path / "link").is_symlink()
