# SPDX-License-Identifier: Apache-2.0
"""Makes files and folders that Octavia's own processes can write.

This program runs as root, Octavia mostly as a different user. New files get the owner
and the group of octavia.conf, since Octavia reads that file as one of them. The group
may write them only if it may read octavia.conf, so nobody gets access who can't read
Octavia's passwords. If octavia.conf belongs to root and everybody may read it, it
doesn't reveal Octavia's user; new files then get the owner of their folder.
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
    """The owner of a new file; ``shared`` if its group may write it too."""

    uid: int
    gid: int
    shared: bool


def make_folder(folder: Path, config_file: str) -> None:
    """Make the folder for Octavia, and its parents; existing ones stay unchanged.

    :raises PermanentError: a folder can't be made or given to its owner.
    """
    for each in reversed([folder, *folder.parents]):
        with _translated("make the folder for Octavia", str(each)):
            if not each.is_dir():
                _make_folder(each, _owner(config_file, each.parent))


def make_file(path: Path, config_file: str) -> None:
    """Make an empty file for Octavia; an existing one stays unchanged.

    :raises PermanentError: it can't be made or given to its owner.
    """
    target = Path(os.path.realpath(path))
    with _translated("make the file for Octavia", str(path)):
        if not target.exists():
            _make_file(target, _owner(config_file, target.parent))


def closed_to_octavia(path: Path, config_file: str) -> tuple[str, ...]:
    """A warning if only root may write the file or its folder, else nothing.

    No warning if octavia.conf shows that Octavia runs as root.

    :raises PermanentError: the owner can't be read.
    """
    with _translated("read the owner", config_file):
        conf = Path(config_file).stat()
    if conf.st_uid == conf.st_gid == 0 and not conf.st_mode & stat.S_IROTH:
        return ()  # only root can read it
    with _translated("read the owner", str(path)):
        roots = [str(each) for each in (path, path.parent) if _is_roots(each.stat())]
    if not roots:
        return ()
    return (
        f"Only root may write {' and '.join(roots)}. If Octavia runs as a different "
        "user, chown it to that user: SQLite writes the file and its folder.",
    )


def _is_roots(found: os.stat_result) -> bool:
    by_group = found.st_gid and found.st_mode & stat.S_IWGRP
    return not (found.st_uid or by_group or found.st_mode & stat.S_IWOTH)


def _owner(config_file: str, folder: Path) -> _Owner:
    """The owner of new entries in ``folder``; see the module's docstring."""
    conf = Path(config_file).stat()
    if conf.st_uid == conf.st_gid == 0 and conf.st_mode & stat.S_IROTH:
        parent = folder.stat()
        return _Owner(parent.st_uid, parent.st_gid, shared=False)
    return _Owner(conf.st_uid, conf.st_gid, shared=bool(conf.st_mode & stat.S_IRGRP))


def _make_folder(folder: Path, owner: _Owner) -> None:
    """Make the folder atomically, so that no other run sees it with a wrong owner."""
    made = tempfile.mkdtemp(prefix=_PREFIX, dir=folder.parent)
    try:
        _give(made, owner, 0o700)
        os.rename(made, folder)  # noqa: PTH104 - one system call
    except OSError:
        os.rmdir(made)  # noqa: PTH106
        if not folder.is_dir():  # a different process may have made it meanwhile
            raise


def _make_file(path: Path, owner: _Owner) -> None:
    handle, made = tempfile.mkstemp(prefix=_PREFIX, dir=path.parent)
    os.close(handle)
    try:
        _give(made, owner, 0o600)
        with contextlib.suppress(FileExistsError):
            os.link(made, path)  # never replaces a file
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
            todo="Run as root; or make it by hand for the user that runs Octavia; or "
            "correct persistence_connection.",
        ) from exc
