# SPDX-License-Identifier: Apache-2.0
"""The way to a file, by descriptors and by links that only root can have laid."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import no_follow
from tests.unit.service_folder import ServiceFolder, as_root, service_folder


@pytest.fixture
def service() -> Iterator[ServiceFolder]:
    with service_folder() as made:
        yield made


def _real(path: Path | str) -> str:
    with no_follow.entry(path) as found:
        return found.path


def test_links_lead_where_the_system_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative, absolute and chained links, ``..`` and relative paths end the same."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to("../absolute/b/..")
    (tmp_path / "chain").symlink_to("absolute/up/b/new")
    monkeypatch.chdir(tmp_path / "a")
    for path in ("x", "../a/./b//x", tmp_path / "chain", tmp_path / "absolute/b/../x"):
        assert _real(path) == os.path.realpath(path)


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    """Links that lead to each other are an error, as in the system."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels") as caught:
        _real(tmp_path / "a")
    assert caught.value.errno == errno.ELOOP


@pytest.mark.parametrize("path", ["/", "/etc/.."])
def test_the_root_is_no_entry(path: str) -> None:
    """The root folder has no name in a folder."""
    with pytest.raises(IsADirectoryError):
        _real(path)


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    """Neither a success nor an error leaves a descriptor open."""
    (tmp_path / "loop").symlink_to("loop")
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for name in ("x", "loop", "nowhere/x"):
        try:
            with no_follow.entry(tmp_path / name) as found:
                found.names()
                found.sync()
                found.open()
        except OSError:
            pass
    no_follow.make_folder(tmp_path / "made" / "too")
    assert len(list(descriptors.iterdir())) == before


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    """New folders get their mode, existing ones and links to folders stay."""
    (tmp_path / "there").mkdir(mode=0o711)
    (tmp_path / "link").symlink_to("there")
    for _ in range(2):
        no_follow.make_folder(tmp_path / "link" / "a" / "b", 0o700)
    modes = [
        stat.S_IMODE((tmp_path / "there" / name).stat().st_mode)
        for name in (".", "a", "a/b")
    ]
    assert modes[::2] == [0o711, 0o700]
    assert modes[1] == 0o755 & ~_umask()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        no_follow.make_folder(tmp_path / "file")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@as_root
def test_no_folder_is_made_behind_a_services_link(service: ServiceFolder) -> None:
    """A service's link to a folder is refused with its own path."""
    (service.path / "link").symlink_to(service.victims)
    with pytest.raises(OSError, match=r"service/link is a symbolic link"):
        no_follow.make_folder(service.path / "link" / "new")
    service.assert_harmless()


@as_root
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_may_write_is_no_place_for_links(
    mode: int, tmp_path: Path
) -> None:
    """A root's folder is a stranger's if a group or everybody may write it."""
    (tmp_path / "link").symlink_to("target")
    assert _real(tmp_path / "link") == str(tmp_path / "target")
    tmp_path.chmod(mode)
    with pytest.raises(OSError, match="others than root may write its folder"):
        _real(tmp_path / "link")


@as_root
def test_a_place_is_roots_if_all_folders_on_the_way_are(
    service: ServiceFolder, tmp_path: Path
) -> None:
    """A service's folder, or a link of a service, on the way makes it a stranger's."""
    assert no_follow.why_foreign(tmp_path) is None
    assert no_follow.why_foreign(tmp_path / "to" / "be" / "made") is None
    assert no_follow.why_foreign("/tmp") == "others than root may write /tmp"
    own = service.path / "own"
    own.mkdir()
    (tmp_path / "link").symlink_to(own)
    for path in (service.path, own, own / "new", tmp_path / "link" / "new"):
        why = no_follow.why_foreign(path)
        assert why == f"others than root may write {service.path}"
    sticky = tmp_path / "sticky"
    (sticky / "own").mkdir(parents=True)
    (sticky / "link").symlink_to(tmp_path)
    sticky.chmod(0o1777)
    assert no_follow.why_foreign(sticky / "own") is None
    assert "symbolic link" in str(no_follow.why_foreign(sticky / "link" / "new"))
