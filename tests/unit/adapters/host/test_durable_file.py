# SPDX-License-Identifier: Apache-2.0
import os
import stat
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.errors import PermanentError, TransientError


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
    assert conf.stat() == before
    assert list(conf.parent.iterdir()) == [conf]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
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
