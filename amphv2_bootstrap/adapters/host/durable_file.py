# SPDX-License-Identifier: Apache-2.0
"""Replaces files atomically and durably, without widening their permissions.

All functions follow symbolic links as :mod:`no_follow` allows. They raise
:class:`TransientError` where the disk is full or failing, and :class:`PermanentError`
for other system errors.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from amphv2_bootstrap.adapters.host import no_follow
from amphv2_bootstrap.errors import PermanentError, TransientError

KEPT_BACKUPS = 10
"""How many backups of one file stay beside it."""

ROOM_BYTES = 4 * 2**20
"""What a disk must have free: octavia.conf, its backup and what we note are smaller."""

_MAY_PASS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE}
# linux/fs.h: FS_IOC_GETFLAGS; FS_IMMUTABLE_FL and FS_APPEND_FL.
_GET_ATTRIBUTES = 0x80086601
_KEPT = 0x10 | 0x20
_TEMPORARY = ".amphv2-"
_ATTRIBUTES_UNSUPPORTED = {errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL}


def read(path: str) -> bytes:
    """The file's content."""
    with _translated("read the file", path), no_follow.entry(path) as target:
        return _content(target)


def is_world_readable(path: str) -> bool:
    """Whether everybody on this host may read the file."""
    with (
        _translated("look at the file", path),
        no_follow.entry(path) as target,
        no_follow.opened(target.open()) as handle,
    ):
        return bool(os.fstat(handle).st_mode & stat.S_IROTH)


def check_replaceable(path: str) -> None:
    """Check that the existing file can be replaced by a new one; change nothing.

    :raises PermanentError: it is a mount of its own, or has a second name, which would
        keep the old content; it has an attribute against changes; its folder is
        read-only, or its disk full.
    """
    with _translated("look at the file", path), no_follow.entry(path) as target:
        _refuse_irreplaceable(target)
        folder = str(Path(path).parent)
        if not os.access(".", os.W_OK, dir_fd=target.folder):
            raise PermanentError(
                "replace the file",
                on=target.path,
                why="this program may not write into its folder, or that is read-only",
                todo=f"Make {folder} writable (mount it rw, chattr -i it), and resume.",
            )
        _refuse_full_disk(folder, target.folder)


def check_room(folder: str) -> None:
    """Check that the folder's disk has room for small files; change nothing.

    A folder that doesn't exist yet will be on the disk of the one above it.

    :raises PermanentError: it hasn't.
    """
    existing = next(
        one for one in (Path(folder), *Path(folder).parents) if one.is_dir()
    )
    with _translated("look at the disk", str(existing)):
        _refuse_full_disk(folder, existing)


def _refuse_full_disk(folder: str, place: int | Path) -> None:
    found = os.statvfs(place)
    blocks = found.f_bavail if os.geteuid() else found.f_bfree
    free = blocks * found.f_frsize
    # Some file systems, such as btrfs, have no fixed number of files.
    lacks_names = found.f_files and not found.f_ffree
    if free < ROOM_BYTES or lacks_names:
        why = (
            "its disk has no room for another file (df -i)"
            if lacks_names
            else f"its disk has {free / 2**20:.1f} MB left, and "
            f"{ROOM_BYTES / 2**20:.0f} MB are needed"
        )
        raise PermanentError(
            "write into the folder", on=folder, why=why, todo="Make room, and resume."
        )


def write_atomically(
    path: str, content: bytes, *, backup: bool = True, expected: bytes | None = None
) -> str | None:
    """Replace an existing file's content; do nothing if it is the same.

    Readers see the old file or the new one, also after a power cut. Owner, group,
    mode and extended attributes stay.

    :param backup: call :func:`make_backup` first.
    :param expected: the content that the file must still have.
    :returns: the path of the backup, if one was made.
    :raises PermanentError: as :func:`check_replaceable`.
    :raises TransientError: the content isn't ``expected``, or changed meanwhile.
    """
    with _translated("replace the file", path), no_follow.entry(path) as target:
        before = _content(target)
        if expected is not None and before != expected:
            raise _changed_meanwhile(path)
        if before == content:
            return None
        _refuse_irreplaceable(target)
        kept = make_backup(path) if backup else None
        _remove_leftovers(target)
        with _copy(target, content) as copy:
            if _content(target) != before:
                raise _changed_meanwhile(path)
            copy.rename(target.name)
        target.sync()
    return kept


def make_backup(path: str) -> str:
    """Copy the file durably to ``<path>.amphv2-<UTC time>.bak``; return that path.

    The copy has the file's owner, group, mode and extended attributes. Of earlier
    backups the newest stay, :data:`KEPT_BACKUPS` with this one.
    """
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    attempted = "keep a backup of the file"
    with _translated(attempted, path), no_follow.entry(path) as target:
        backup = target.beside(f"{target.name}.amphv2-{moment}.bak")
        with _copy(target, _content(target)) as copy:
            copy.rename(backup.name)
        _remove_old_backups(target, backup.name)
        target.sync()
    return backup.path


def write_private(path: str, content: bytes) -> None:
    """Create or replace a file of mode 0600; make its folder, 0700, if missing."""
    with _translated("write the file", path):
        no_follow.make_folder(Path(path).parent, 0o700)
        with no_follow.entry(path) as target:
            with _new_beside(target) as (copy, handle):
                _fill(handle, content)
                copy.rename(target.name)
            target.sync()


def create_private(path: str, content: bytes) -> None:
    """Make a file of mode 0600, whole at once; make its folder, 0700, if missing.

    :raises PermanentError: also if anything has that name, be it a link.
    """
    with _translated("create the file", path):
        no_follow.make_folder(Path(path).parent, 0o700)
        with no_follow.entry(Path(path).parent / _TEMPORARY) as place:
            # Not by the path: a link there would be followed.
            target = place.beside(Path(path).name)
            with _new_beside(target) as (copy, handle):
                _fill(handle, content)
                copy.link(target.name)
                copy.unlink()
            target.sync()


def remove(path: str) -> None:
    """Remove the file durably; do nothing if there is none."""
    with _translated("remove the file", path):
        try:
            with no_follow.entry(path) as target:
                if target.unlink():
                    target.sync()
        except FileNotFoundError:
            return  # not even its folder is there


def _refuse_irreplaceable(target: no_follow.Entry) -> None:
    with no_follow.opened(target.open()) as handle:
        names = os.fstat(handle).st_nlink
        is_mount = _mount_of(handle) != _mount_of(target.folder)
        is_kept = _is_kept(handle)
    if is_kept:
        why = "it has an attribute against changes (chattr +i or +a)"
        todo = "See why somebody wanted that; then chattr -ia it, and resume."
    elif is_mount:
        why = "it is a mount of its own, which no new file can replace"
        todo = "Mount its folder instead of the file, and resume."
    elif names > 1:
        why = f"it has {names} names (hard links), and the others would keep the old"
        todo = "Make it a file of its own: cp -p it, mv the copy over it; then resume."
    else:
        return
    raise PermanentError("replace the file", on=target.path, why=why, todo=todo)


def _is_kept(handle: int) -> bool:
    """Whether the kernel lets nobody replace the file, not even root."""
    found = bytearray(8)
    try:
        fcntl.ioctl(handle, _GET_ATTRIBUTES, found)
    except OSError:
        return False  # this file system has no such attributes
    return bool(int.from_bytes(found[:4], sys.byteorder) & _KEPT)


def _mount_of(handle: int) -> str | None:
    """The number of the mount to which the descriptor belongs; None if unknown."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines()
        return next((line for line in lines if line.startswith("mnt_id:")), None)
    return None


def _content(target: no_follow.Entry) -> bytes:
    with os.fdopen(target.open(), "rb") as stream:
        return stream.read()


@contextlib.contextmanager
def _new_beside(target: no_follow.Entry) -> Iterator[tuple[no_follow.Entry, int]]:
    """A new temporary file, mode 0600, and its descriptor; removed after an error."""
    mark = secrets.token_hex(4)
    copy = target.beside(f".{target.name}{_TEMPORARY}{mark}.tmp")
    with no_follow.opened(copy.create()) as handle:
        try:
            yield copy, handle
        except BaseException:
            copy.unlink()
            raise


@contextlib.contextmanager
def _copy(target: no_follow.Entry, content: bytes) -> Iterator[no_follow.Entry]:
    """A synced temporary file with ``content`` and the attributes of ``target``."""
    with _new_beside(target) as (copy, handle):
        with no_follow.opened(target.open()) as source:
            _copy_attributes(source, handle)
        _fill(handle, content)
        yield copy


def _fill(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb", closefd=False) as stream:
        stream.write(content)
    os.fsync(handle)


def _remove_leftovers(target: no_follow.Entry) -> None:
    """Remove temporary files of killed runs: they may hold secrets.

    A run that is still alive loses its file too; its replace then fails cleanly.
    """
    for name in target.names():
        if name.startswith(f".{target.name}{_TEMPORARY}") and name.endswith(".tmp"):
            target.beside(name).unlink()


def _remove_old_backups(target: no_follow.Entry, newest: str) -> None:
    name = re.compile(re.escape(target.name) + r"\.amphv2-\d{8}T\d{6}\.\d{6}Z\.bak")
    found = filter(name.fullmatch, target.names())
    earlier = sorted((each for each in found if each != newest), reverse=True)
    for each in earlier[KEPT_BACKUPS - 1 :]:
        target.beside(each).unlink()


def _copy_attributes(source: int, handle: int) -> None:
    wanted, present = os.fstat(source), os.fstat(handle)
    if (wanted.st_uid, wanted.st_gid) != (present.st_uid, present.st_gid):
        os.fchown(handle, wanted.st_uid, wanted.st_gid)
    for name in os.listxattr(source):
        try:
            os.setxattr(handle, name, os.getxattr(source, name))
        except OSError as exc:
            # The system sets its own attributes by itself.
            if exc.errno not in _ATTRIBUTES_UNSUPPORTED:
                raise
    os.fchmod(handle, stat.S_IMODE(wanted.st_mode))


def _changed_meanwhile(path: str) -> TransientError:
    return TransientError(
        "replace the file",
        on=path,
        why="somebody else changed it at the same moment",
        todo="Find out what else writes this file, and stop that.",
    )


@contextlib.contextmanager
def _translated(attempted: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        kind = TransientError if exc.errno in _MAY_PASS else PermanentError
        raise kind(
            attempted,
            on=path,
            why=exc.strerror or type(exc).__name__,
            todo="Check the path and its permissions, and that the disk has room.",
        ) from exc
