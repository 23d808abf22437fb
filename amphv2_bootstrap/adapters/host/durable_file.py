# SPDX-License-Identifier: Apache-2.0
"""Replaces files atomically and durably, without widening their permissions.

All functions follow symbolic links. They raise :class:`TransientError` where the
disk is full or failing, and :class:`PermanentError` for other system errors.
"""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from amphv2_bootstrap.errors import PermanentError, TransientError

_MAY_PASS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE}
_TEMPORARY = ".amphv2-"
_ATTRIBUTES_UNSUPPORTED = {errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL}


def read(path: str) -> bytes:
    """The file's content."""
    with _translated("read the file", path):
        return Path(path).read_bytes()


def is_world_readable(path: str) -> bool:
    """Whether everybody on this host may read the file."""
    with _translated("look at the file", path):
        return bool(Path(path).stat().st_mode & stat.S_IROTH)


def write_atomically(
    path: str, content: bytes, *, backup: bool = True, expected: bytes | None = None
) -> str | None:
    """Replace an existing file's content; do nothing if it is the same.

    Readers see the old file or the new one, also after a power cut. Owner, group,
    mode and extended attributes stay.

    :param backup: call :func:`make_backup` first.
    :param expected: the content that the file must still have.
    :returns: the path of the backup, if one was made.
    :raises TransientError: the content isn't ``expected``, or changed meanwhile.
    """
    target = os.path.realpath(path)
    before = read(target)
    if expected is not None and before != expected:
        raise _changed_meanwhile(path)
    if before == content:
        return None
    kept = make_backup(target) if backup else None
    with _translated("replace the file", path):
        _remove_leftovers(target)
        temporary = _write_copy(target, content)
        try:
            if Path(target).read_bytes() != before:
                raise _changed_meanwhile(path)
            os.replace(temporary, target)  # noqa: PTH105 - one system call
        except BaseException:
            _remove(temporary)
            raise
        _sync_folder(target)
    return kept


def make_backup(path: str) -> str:
    """Copy the file durably to ``<path>.amphv2-<UTC time>.bak``; return that path.

    The copy has the file's owner, group, mode and extended attributes.
    """
    target = os.path.realpath(path)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    copy = f"{target}.amphv2-{moment}.bak"
    with _translated("keep a backup of the file", path):
        temporary = _write_copy(target, Path(target).read_bytes())
        os.rename(temporary, copy)  # noqa: PTH104 - one system call
        _sync_folder(target)
    return copy


def write_private(path: str, content: bytes) -> None:
    """Create or replace a file of mode 0600; make its folder, 0700, if missing."""
    with _translated("write the file", path):
        make_private_folder(str(Path(path).parent))
        handle, temporary = _temporary_file(path)
        with _filling(handle, temporary) as stream:
            stream.write(content)
        os.replace(temporary, path)  # noqa: PTH105 - one system call
        _sync_folder(path)


def make_private_folder(path: str) -> None:
    """Make the folder, mode 0700, and its parents; an existing one stays unchanged."""
    with _translated("make the folder", path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).mkdir(mode=0o700, exist_ok=True)


def remove(path: str) -> None:
    """Remove the file durably; do nothing if there is none."""
    with _translated("remove the file", path):
        if _remove(path):
            _sync_folder(path)


def _remove(path: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()
        return True
    return False


def _temporary_file(target: str) -> tuple[int, str]:
    name = Path(target)
    # mkstemp makes it 0600: nobody can read it before the mode is copied.
    return tempfile.mkstemp(
        prefix=f".{name.name}{_TEMPORARY}", suffix=".tmp", dir=name.parent
    )


def _remove_leftovers(target: str) -> None:
    """Remove temporary files of killed runs: they may hold secrets.

    A run that is still alive loses its file too; its replace then fails cleanly.
    """
    name = Path(target)
    for leftover in name.parent.iterdir():
        if (
            leftover.name.startswith(f".{name.name}{_TEMPORARY}")
            and leftover.suffix == ".tmp"
        ):
            _remove(str(leftover))


def _write_copy(target: str, content: bytes) -> str:
    """A synced temporary file with ``content`` and the attributes of ``target``."""
    handle, temporary = _temporary_file(target)
    with _filling(handle, temporary) as stream:
        _copy_attributes(target, handle)
        stream.write(content)
    return temporary


def _copy_attributes(source: str, handle: int) -> None:
    wanted, present = os.stat(source), os.fstat(handle)  # noqa: PTH116
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


@contextlib.contextmanager
def _filling(handle: int, temporary: str) -> Iterator[BinaryIO]:
    """A stream into the temporary file; synced at the end, removed after an error."""
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(handle)
    except BaseException:
        _remove(temporary)
        raise


def _sync_folder(path: str) -> None:
    folder = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _changed_meanwhile(path: str) -> TransientError:
    return TransientError(
        "replace the file",
        on=path,
        why="somebody else changed it at the same moment",
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
