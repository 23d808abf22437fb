# SPDX-License-Identifier: Apache-2.0
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.errors import PermanentError, TransientError
from tests.unit.irreplaceable import (
    KEPT,
    WAYS,
    immutable_folder,
    mounted_folder,
)
from tests.unit.service_folder import (
    SECRET,
    ServiceFolder,
    as_root,
    service_folder,
)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "octavia.conf"
    path.write_bytes(b"old \xff\r\n")
    path.chmod(0o640)
    return path


def _mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_the_backup_has_the_old_content(conf: Path) -> None:
    """The file has the new bytes, its backup the old ones; both keep the mode."""
    backup = durable_file.write_atomically(str(conf), b"new")
    assert backup is not None
    assert conf.read_bytes() == b"new"
    assert Path(backup).read_bytes() == b"old \xff\r\n"
    assert Path(backup).name.startswith("octavia.conf.amphv2-")
    assert backup.endswith("Z.bak")
    assert _mode(conf) == _mode(backup) == 0o640
    assert sorted(conf.parent.iterdir()) == sorted([conf, Path(backup)])


def test_same_content_is_not_written(conf: Path) -> None:
    """Writing the same content changes neither the file nor the folder."""
    before = conf.stat()
    assert durable_file.write_atomically(str(conf), b"old \xff\r\n") is None
    after = conf.stat()  # reading changes st_atime
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert list(conf.parent.iterdir()) == [conf]


@as_root
def test_owner_and_group_stay(conf: Path) -> None:
    """File and backup keep the file's owner and group."""
    os.chown(conf, 4711, 4712)
    backup = durable_file.write_atomically(str(conf), b"new")
    for path in (conf, Path(str(backup))):
        assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4712)
        assert _mode(path) == 0o640


def test_a_link_stays_a_link(conf: Path, tmp_path: Path) -> None:
    """The target of a link is replaced, in its own folder."""
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "octavia.conf"
    link.symlink_to(conf)
    backup = durable_file.write_atomically(str(link), b"new")
    assert link.is_symlink()
    assert conf.read_bytes() == b"new"
    assert Path(str(backup)).parent == conf.parent
    assert list(link.parent.iterdir()) == [link]


def test_a_failed_write_leaves_the_file_and_nothing_else(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the error is transient, and only the old file remains."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TransientError, match="No space left"):
        durable_file.write_atomically(str(conf), b"new", backup=False)
    assert conf.read_bytes() == b"old \xff\r\n"
    assert list(conf.parent.iterdir()) == [conf]


def test_a_killed_runs_secret_file_is_removed(conf: Path) -> None:
    """A write removes the temporary file of a killed run."""
    leftover = conf.parent / ".octavia.conf.amphv2-x1y2.tmp"
    leftover.write_bytes(b"secret")
    durable_file.write_atomically(str(conf), b"new", backup=False)
    assert list(conf.parent.iterdir()) == [conf]


def test_a_file_changed_meanwhile_is_not_overwritten(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's change between our read and our write is never lost."""
    with pytest.raises(TransientError, match="somebody else"):
        durable_file.write_atomically(str(conf), b"new", expected=b"older")
    sync = os.fsync

    def edit(handle: int) -> None:
        conf.write_bytes(b"by hand")
        sync(handle)

    monkeypatch.setattr(os, "fsync", edit)
    with pytest.raises(TransientError, match="somebody else"):
        durable_file.write_atomically(str(conf), b"new", backup=False)
    assert conf.read_bytes() == b"by hand"


def test_a_missing_file_is_permanent(tmp_path: Path) -> None:
    """The error names the path and what to check."""
    with pytest.raises(PermanentError, match=r"nowhere.*No such file"):
        durable_file.read(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_new_private_file_replaces_nothing(kind: str, tmp_path: Path) -> None:
    """It is made with its folder; where anything is, that stays, and nothing else."""
    path = tmp_path / "new/secret"
    durable_file.create_private(str(path), b"1")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"1", 0o600)
    assert path.stat().st_nlink == 1
    other = path.with_name("other")
    if kind == "link":
        other.symlink_to("nowhere")
    else:
        other.write_bytes(b"mine")
    with pytest.raises(PermanentError, match="File exists"):
        durable_file.create_private(str(other), b"2")
    assert sorted(each.name for each in path.parent.iterdir()) == ["other", "secret"]
    assert kind == "link" or other.read_bytes() == b"mine"


def test_private_files_are_private(tmp_path: Path) -> None:
    """The folder is made 0700, the file 0600; writing again replaces it."""
    path = tmp_path / "var" / "state" / "marker"
    durable_file.write_private(str(path), b"1")
    durable_file.write_private(str(path), b"2")
    assert path.read_bytes() == b"2"
    assert _mode(path) == 0o600
    assert _mode(path.parent) == 0o700
    durable_file.remove(str(path))
    durable_file.remove(str(path))
    assert list(path.parent.iterdir()) == []


@pytest.fixture
def service() -> Iterator[ServiceFolder]:
    with service_folder() as made:
        yield made


def _every_way(path: Path) -> dict[str, Callable[[], object]]:
    """Each way in which this module uses a path."""
    return {
        "read": lambda: durable_file.read(str(path)),
        "mode": lambda: durable_file.is_world_readable(str(path)),
        "write": lambda: durable_file.write_atomically(str(path), b"new"),
        "backup": lambda: durable_file.make_backup(str(path)),
        "private": lambda: durable_file.write_private(str(path), b"new"),
        "remove": lambda: durable_file.remove(str(path)),
    }


_WAYS = ["read", "mode", "write", "backup", "private", "remove"]


@as_root
@pytest.mark.parametrize("way", _WAYS)
def test_root_follows_no_link_of_a_service(way: str, service: ServiceFolder) -> None:
    """A link in a service's folder is refused with its path, and nothing happens."""
    link = service.path / "octavia.conf"
    link.symlink_to(service.victim)
    with pytest.raises(PermanentError, match=r"octavia\.conf.*symbolic link"):
        _every_way(link)[way]()
    service.assert_harmless()
    assert list(service.path.iterdir()) == [link]


@as_root
@pytest.mark.parametrize("way", _WAYS)
def test_root_follows_no_folder_link_of_a_service(
    way: str, service: ServiceFolder
) -> None:
    """The same for a link to a folder on the way."""
    (service.victims / "octavia.conf").write_bytes(b"old")
    (service.path / "etc").symlink_to(service.victims)
    with pytest.raises(PermanentError, match=r"etc is a symbolic link"):
        _every_way(service.path / "etc" / "octavia.conf")[way]()
    (left,) = service.victims.iterdir()
    assert left.read_bytes() == b"old"
    left.unlink()
    service.assert_harmless()


@as_root
def test_a_hard_link_in_a_services_folder_is_refused(service: ServiceFolder) -> None:
    """A file with a second name may be any file of root, so it isn't even read."""
    os.link(service.victim, service.path / "octavia.conf")
    for way in ("read", "mode", "write", "backup"):
        with pytest.raises(PermanentError, match=r"2 names \(hard links\)"):
            _every_way(service.path / "octavia.conf")[way]()
    (service.path / "octavia.conf").unlink()
    service.assert_harmless()


@as_root
def test_a_pipe_is_no_file(service: ServiceFolder) -> None:
    """A service's pipe in place of the file is refused; nobody waits for its writer."""
    os.mkfifo(service.path / "octavia.conf")
    with pytest.raises(PermanentError, match="isn't a regular file"):
        durable_file.read(str(service.path / "octavia.conf"))


@as_root
@pytest.mark.parametrize("way", ["read", "write", "backup", "private"])
def test_a_link_that_is_swapped_in_meanwhile_does_no_harm(
    way: str, service: ServiceFolder
) -> None:
    """The service's user swaps file and link all the time, and gains nothing."""
    attempt = _every_way(service.path / "octavia.conf")[way]
    read: list[object] = []
    service.survives(lambda: read.append(attempt()), "octavia.conf", 150)
    assert SECRET not in read


@as_root
def test_links_of_root_are_followed(service: ServiceFolder, tmp_path: Path) -> None:
    """A link that only root can have laid leads on, even into a service's folder."""
    (service.path / "octavia.conf").write_bytes(b"old")
    (tmp_path / "etc").symlink_to(service.path)
    (tmp_path / "octavia.conf").symlink_to("etc/octavia.conf")
    durable_file.write_atomically(str(tmp_path / "octavia.conf"), b"new", backup=False)
    assert (service.path / "octavia.conf").read_bytes() == b"new"


def test_old_backups_are_removed(conf: Path) -> None:
    """As many backups stay as the limit says, the newest ones; other files stay."""
    kept, others = durable_file.KEPT_BACKUPS, ["other.amphv2-1.bak", "octavia.conf.bak"]
    for name in others:
        (conf.parent / name).touch()
    made = [durable_file.make_backup(str(conf)) for _ in range(kept + 3)]
    there = {path.name for path in conf.parent.iterdir()} - {conf.name, *others}
    assert there == {Path(path).name for path in made[-kept:]}
    assert all((conf.parent / name).exists() for name in others)
    planted = conf.parent / "octavia.conf.amphv2-29991231T235959.999999Z.bak"
    planted.touch()
    assert Path(durable_file.make_backup(str(conf))).exists()


@pytest.mark.parametrize("way", [*WAYS, *KEPT])
def test_an_irreplaceable_file_is_refused_first(way: str, conf: Path) -> None:
    """Such a file gets a clear word; nothing is left beside it."""
    make, words = {**WAYS, **KEPT}[way]
    with make(conf):
        before = sorted(conf.parent.iterdir())
        with pytest.raises(PermanentError, match=words):
            durable_file.check_replaceable(str(conf))
        with pytest.raises(PermanentError, match=words):
            durable_file.write_atomically(str(conf), b"new")
        assert durable_file.write_atomically(str(conf), conf.read_bytes()) is None
        assert sorted(conf.parent.iterdir()) == before
    assert conf.read_bytes() == b"old \xff\r\n"
    durable_file.check_replaceable(str(conf))


def test_an_immutable_folder_is_refused_before(conf: Path) -> None:
    """No file can be made there, and the error says how to change that."""
    with (
        immutable_folder(conf),
        pytest.raises(PermanentError, match="chattr -i it"),
    ):
        durable_file.check_replaceable(str(conf))


def test_a_mounted_folder_is_no_obstacle(conf: Path) -> None:
    """A file in a folder that is a mount can be replaced."""
    with mounted_folder(conf.parent):
        durable_file.write_atomically(str(conf), b"new", backup=False)
    assert conf.read_bytes() == b"new"


def test_a_read_only_folder_is_refused_before(conf: Path) -> None:
    """The check says what the write would meet, and changes nothing."""
    durable_file.check_replaceable(str(conf))
    with mounted_folder(conf.parent):
        argv = ["mount", "-o", "remount,bind,ro", str(conf.parent)]
        subprocess.run(argv, check=True)
        with pytest.raises(PermanentError, match=r"read-only.*mount it rw"):
            durable_file.check_replaceable(str(conf))


@pytest.mark.parametrize("options", ["size=2m", "nr_inodes=4"])
def test_a_full_disk_is_refused_before(tmp_path: Path, options: str) -> None:
    """Not the size of the file counts: a backup and notes must fit, too."""
    disk = tmp_path / "disk"
    disk.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", options, "none", str(disk)]
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("this user can't mount")
    try:
        for number in range(3):
            (disk / f"octavia-{number}.conf").touch()
        words = r"2\.0 MB left, and 4 MB are needed|df -i"
        for check, path in (
            (durable_file.check_replaceable, disk / "octavia-1.conf"),
            (durable_file.check_room, disk / "new" / "state"),
        ):
            with pytest.raises(PermanentError, match=words) as caught:
                check(str(path))
            assert str(disk) in str(caught.value)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    durable_file.check_room(str(tmp_path / "new" / "state"))
