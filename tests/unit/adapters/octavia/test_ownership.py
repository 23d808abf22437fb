# SPDX-License-Identifier: Apache-2.0
"""The owner and the mode of files that are made for Octavia."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.octavia import ownership
from amphv2_bootstrap.errors import PermanentError
from tests.unit.service_folder import (
    SERVICE,
    ServiceFolder,
    as_root,
    service_folder,
)

OCTAVIA = 4711
GROUP = 4712


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """An octavia.conf with the mode that distributions use."""
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
        ((0, GROUP), 0o640, 0o660, 0o770),  # distributions' packages
        ((OCTAVIA, GROUP), 0o600, 0o600, 0o700),  # containers' files on the host
        ((OCTAVIA, GROUP), 0o644, 0o660, 0o770),  # a laptop
        ((0, 0), 0o600, 0o600, 0o700),  # all runs as root
    ],
)
def test_new_files_get_the_owner_of_octavias_configuration(
    tmp_path: Path,
    conf: Path,
    owner: tuple[int, int],
    mode: int,
    file: int,
    folder: int,
) -> None:
    """Owner, group and mode follow octavia.conf for any umask, for new folders too."""
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
def test_else_new_files_get_the_owner_of_their_folder(
    tmp_path: Path, conf: Path
) -> None:
    """A world-readable octavia.conf of root doesn't count; the folder's owner does."""
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
    """A file or a folder that only root may write gives a warning that names it."""
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
    """Content, mode and owner stay, and nothing else is left in the folder."""
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
    """If a file can't be given to its owner, the error says so, and no file stays."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refuse)
    for make in (ownership.make_folder, ownership.make_file):
        with pytest.raises(PermanentError, match=r"not permitted\. Run as root"):
            make(tmp_path / "new", str(conf))
    assert list(tmp_path.iterdir()) == [conf]


def test_a_link_leads_to_the_file_that_is_made(tmp_path: Path, conf: Path) -> None:
    """The target of a dangling link is made, as SQLite would do."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    ownership.make_file(tmp_path / "link", str(conf))
    assert (tmp_path / "real").is_file()
    assert (tmp_path / "link").is_symlink()


@pytest.fixture
def service() -> Iterator[ServiceFolder]:
    with service_folder() as made:
        yield made


@as_root
@pytest.mark.parametrize("make", [ownership.make_file, ownership.make_folder])
def test_no_link_of_a_service_is_followed(
    make: Callable[[Path, str], None], service: ServiceFolder, conf: Path
) -> None:
    """Nothing is made or given away behind a link in a service's folder."""
    (service.path / "file").symlink_to(service.victim)
    (service.path / "folder").symlink_to(service.victims)
    (service.path / "dangling").symlink_to(service.victims / "new")
    os.chown(conf, SERVICE, SERVICE)
    for name in ("file/new", "folder/new", "dangling", "dangling/new"):
        with pytest.raises(PermanentError, match="is a symbolic link"):
            make(service.path / name, str(conf))
        service.assert_harmless()


@as_root
def test_the_owner_is_not_read_through_a_services_link(
    service: ServiceFolder, tmp_path: Path
) -> None:
    """A link in place of octavia.conf doesn't choose who gets the file."""
    (service.path / "octavia.conf").symlink_to(service.victim)
    with pytest.raises(PermanentError, match="is a symbolic link"):
        ownership.make_file(tmp_path / "new", str(service.path / "octavia.conf"))
    assert not (tmp_path / "new").exists()


@as_root
def test_links_swapped_in_meanwhile_give_nothing_away(
    service: ServiceFolder, conf: Path
) -> None:
    """The service's user swaps links into the way all the time, and gains nothing."""
    os.chown(conf, SERVICE, SERVICE)
    path = service.path / "name"
    for make in (ownership.make_file, ownership.make_folder):
        service.survives(lambda make=make: make(path, str(conf)), "name", 100)  # type: ignore[misc]
        service.survives(lambda make=make: make(path / "x", str(conf)), "name", 100)  # type: ignore[misc]
