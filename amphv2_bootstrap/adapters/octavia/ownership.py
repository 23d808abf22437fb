# SPDX-License-Identifier: Apache-2.0
"""Makes files and folders that Octavia's own processes can write.

This program runs as root, Octavia mostly as a different user. New files get the owner
and the group of octavia.conf, since Octavia reads that file as one of them. The group
may write them only if it may read octavia.conf, so nobody gets access who can't read
Octavia's passwords. If octavia.conf belongs to root and everybody may read it, it
doesn't reveal Octavia's user; new files then get the owner of their folder.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.host import no_follow
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
    for each in reversed([folder, *folder.parents[:-1]]):
        with (
            _translated("make the folder for Octavia", str(each)),
            no_follow.entry(each) as made,
        ):
            if made.stat() is None:
                _make_folder(made, _owner(config_file, made.folder))
            os.close(no_follow.open_folder(each))


def make_file(path: Path, config_file: str) -> None:
    """Make an empty file for Octavia; an existing one stays unchanged.

    :raises PermanentError: it can't be made or given to its owner.
    """
    with (
        _translated("make the file for Octavia", str(path)),
        no_follow.entry(path) as made,
    ):
        if made.stat() is None:
            _make_file(made, _owner(config_file, made.folder))


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


def _owner(config_file: str, folder: int) -> _Owner:
    """The owner of new entries in the open folder; see the module's docstring."""
    with no_follow.entry(config_file) as file, no_follow.opened(file.open()) as handle:
        conf = os.fstat(handle)
    if conf.st_uid == conf.st_gid == 0 and conf.st_mode & stat.S_IROTH:
        parent = os.fstat(folder)
        return _Owner(parent.st_uid, parent.st_gid, shared=False)
    return _Owner(conf.st_uid, conf.st_gid, shared=bool(conf.st_mode & stat.S_IRGRP))


def _make_folder(folder: no_follow.Entry, owner: _Owner) -> None:
    """Make the folder atomically, so that no other run sees it with a wrong owner."""
    made = _beside(folder)
    os.mkdir(made.name, 0o700, dir_fd=made.folder)
    try:
        with no_follow.opened(made.open_folder()) as handle:
            if os.listdir(handle):  # noqa: PTH208 - a descriptor
                raise FileExistsError(errno.EEXIST, "somebody has swapped it")
            _give(handle, owner, 0o700)
        made.rename(folder.name)
    except OSError:
        os.rmdir(made.name, dir_fd=made.folder)
        found = folder.stat()  # a different process may have made it meanwhile
        if found is None or not stat.S_ISDIR(found.st_mode):
            raise


def _make_file(path: no_follow.Entry, owner: _Owner) -> None:
    made = _beside(path)
    with no_follow.opened(made.create()) as handle:
        try:
            _give(handle, owner, 0o600)
            with contextlib.suppress(FileExistsError):
                made.link(path.name)  # never replaces a file
        finally:
            made.unlink()


def _beside(path: no_follow.Entry) -> no_follow.Entry:
    return path.beside(f"{_PREFIX}{secrets.token_hex(4)}")


def _give(handle: int, owner: _Owner, bits: int) -> None:
    present = os.fstat(handle)
    if (present.st_uid, present.st_gid) != (owner.uid, owner.gid):
        os.fchown(handle, owner.uid, owner.gid)
    os.fchmod(handle, bits | bits >> 3 if owner.shared else bits)


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
