# SPDX-License-Identifier: Apache-2.0
"""Files and folders that Octavia's own processes are to write.

This program runs as root, under a umask that lets nobody else in; Octavia mostly
runs as a user of its own. What is made here belongs to the owner and the group of
octavia.conf: Octavia reads that file as the one or as the other. The group gets as
much as it has there, so nobody comes to what is kept who couldn't read Octavia's
passwords before. An octavia.conf that is root's alone, and that everybody may read,
tells nothing of Octavia's user; what is made then belongs to the owner of the folder
that it is made in.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.errors import PermanentError

_PREFIX = ".amphv2-"


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose a file is to be; ``shared`` where its group may write it, too."""

    uid: int
    gid: int
    shared: bool


def make_folder(folder: Path, config_file: str) -> None:
    """Make the folder for Octavia, and those above it; what is there stays as it is.

    :raises PermanentError: it can't be made, or not be given to its owner.
    """
    for one in reversed([folder, *folder.parents]):
        with _translated("make the folder for Octavia", str(one)):
            if not one.is_dir():
                _make_folder(one, _owner(config_file, one.parent))


def make_file(path: Path, config_file: str) -> None:
    """Make the file for Octavia, empty; one that is there stays as it is.

    :raises PermanentError: it can't be made, or not be given to its owner.
    """
    target = Path(os.path.realpath(path))
    with _translated("make the file for Octavia", str(path)):
        if not target.exists():
            _make_file(target, _owner(config_file, target.parent))


def closed_to_octavia(path: Path, config_file: str) -> tuple[str, ...]:
    """A warning where Octavia may be unable to write the file, or its folder.

    Nothing where nothing speaks for it: what isn't root's may well be Octavia's.

    :raises PermanentError: they can't be looked at.
    """
    with _translated("look whose it is", config_file):
        conf = Path(config_file).stat()
    if conf.st_uid == conf.st_gid == 0 and not conf.st_mode & stat.S_IROTH:
        return ()  # who reads that runs as root
    with _translated("look whose it is", str(path)):
        roots = [str(one) for one in (path, path.parent) if _is_roots(one.stat())]
    if not roots:
        return ()
    return (
        f"Root alone may write {' and '.join(roots)}. If Octavia runs as another user, "
        "make it that user's by chown: SQLite writes the file and its folder.",
    )


def _is_roots(there: os.stat_result) -> bool:
    by_group = there.st_gid and there.st_mode & stat.S_IWGRP
    return not (there.st_uid or by_group or there.st_mode & stat.S_IWOTH)


def _owner(config_file: str, folder: Path) -> _Owner:
    """Whose that is to be which is made in ``folder``; see the module."""
    conf = Path(config_file).stat()
    if conf.st_uid == conf.st_gid == 0 and conf.st_mode & stat.S_IROTH:
        there = folder.stat()
        return _Owner(there.st_uid, there.st_gid, shared=False)
    return _Owner(conf.st_uid, conf.st_gid, shared=bool(conf.st_mode & stat.S_IRGRP))


def _make_folder(folder: Path, owner: _Owner) -> None:
    """In one piece: one that was cut off half-way isn't found by the next run."""
    made = tempfile.mkdtemp(prefix=_PREFIX, dir=folder.parent)
    try:
        _give(made, owner, 0o700)
        os.rename(made, folder)  # noqa: PTH104 - one system call
    except OSError:
        os.rmdir(made)  # noqa: PTH106
        if not folder.is_dir():  # or else somebody else has made it meanwhile
            raise


def _make_file(path: Path, owner: _Owner) -> None:
    handle, made = tempfile.mkstemp(prefix=_PREFIX, dir=path.parent)
    os.close(handle)
    try:
        _give(made, owner, 0o600)
        with contextlib.suppress(FileExistsError):
            os.link(made, path)  # never over another file
    finally:
        os.unlink(made)  # noqa: PTH108


def _give(path: str, owner: _Owner, bits: int) -> None:
    present = os.stat(path)  # noqa: PTH116
    if (present.st_uid, present.st_gid) != (owner.uid, owner.gid):
        os.chown(path, owner.uid, owner.gid)
    os.chmod(path, bits | bits >> 3 if owner.shared else bits)  # noqa: PTH101


@contextlib.contextmanager
def _translated(attempted: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise PermanentError(
            attempted,
            on=path,
            why=exc.strerror or type(exc).__name__,
            todo="Run as root; or make it by hand, for the user that Octavia runs as; "
            "or correct persistence_connection.",
        ) from exc
