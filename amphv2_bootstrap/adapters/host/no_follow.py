# SPDX-License-Identifier: Apache-2.0
"""Opens files and folders without following a link that a service could have laid.

Services own folders in which this program works as root. There, a symbolic link may
lead root to any file. So root follows a link only if root owns the link's folder and
nobody else may write it. All else goes through descriptors of open folders, so that
nothing can be swapped between a check and its use. A program that isn't root follows
every link: it has no right that its user lacks.

Every function raises :class:`OSError`; its ``strerror`` says what is wrong.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe would wait for its other end.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_MOST_LINKS = 40  # as in Linux
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in an open folder, which need not exist; ``path`` is without links."""

    folder: int
    name: str
    path: str

    def beside(self, name: str) -> "Entry":
        """A different name in the same folder."""
        return Entry(self.folder, name, str(Path(self.path).parent / name))

    def stat(self) -> os.stat_result | None:
        """What is there, a link itself; None if nothing is."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
        """A descriptor of the regular file; never waits, never follows a link."""
        descriptor = os.open(self.name, flags | _FILE, mode, dir_fd=self.folder)
        try:
            self._refuse_foreign(os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def create(self) -> int:
        """A descriptor of a new empty file, mode 0600, for writing.

        :raises FileExistsError: anything is there, also a link.
        """
        return self.open(_NEW)

    def open_folder(self) -> int:
        """A descriptor of the folder, to list, lock or sync it."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self.name, flags, dir_fd=self.folder)

    def _refuse_foreign(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it isn't a regular file", self.path)
        if found.st_nlink > 1 and not is_roots(self.folder):
            raise OSError(
                errno.EMLINK,
                f"it has {found.st_nlink} names (hard links), and others than root "
                "may write its folder, so that it may be any file",
                self.path,
            )

    def rename(self, name: str) -> None:
        """Give the entry this name, in place of what has it; a link stays a link."""
        os.rename(self.name, name, src_dir_fd=self.folder, dst_dir_fd=self.folder)

    def link(self, name: str) -> None:
        """Give the entry a second name.

        :raises FileExistsError: something has that name.
        """
        os.link(
            self.name,
            name,
            src_dir_fd=self.folder,
            dst_dir_fd=self.folder,
            follow_symlinks=False,
        )

    def unlink(self) -> bool:
        """Remove the file or the link; False if there is none."""
        try:
            os.unlink(self.name, dir_fd=self.folder)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> list[str]:
        """All names in the folder."""
        with opened(self.beside(".").open_folder()) as folder:
            return os.listdir(folder)  # noqa: PTH208 - a descriptor

    def sync(self) -> None:
        """Make the folder's changes durable."""
        with opened(self.beside(".").open_folder()) as folder:
            os.fsync(folder)


@contextlib.contextmanager
def entry(path: str | Path) -> Iterator[Entry]:
    """The entry to which ``path`` leads, through the links that may be followed."""
    found = _descend(path)
    try:
        yield found
    finally:
        os.close(found.folder)


@contextlib.contextmanager
def opened(descriptor: int) -> Iterator[int]:
    """The descriptor, which is closed at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_folder(path: str | Path) -> int:
    """A descriptor of the existing folder, which can also be locked."""
    with entry(Path(path) / "any") as inside:
        return inside.beside(".").open_folder()


def make_folder(path: str | Path, mode: int = 0o755) -> None:
    """Make the folder, and its parents with 0755; existing ones stay unchanged."""
    for each in _way(Path(path).absolute())[1:]:
        with entry(each) as made:
            if made.stat() is None:
                with contextlib.suppress(FileExistsError):
                    bits = mode if each == Path(path).absolute() else 0o755
                    os.mkdir(made.name, bits, dir_fd=made.folder)
    os.close(open_folder(path))


def is_roots(folder: int) -> bool:
    """Whether only root may change names in the open folder.

    Also true if this program isn't root. Rights by an ACL show in the group's.
    """
    found = os.fstat(folder)
    return os.geteuid() != 0 or not (found.st_uid or found.st_mode & _OTHERS_WRITE)


def why_foreign(path: str | Path) -> str | None:
    """Why somebody else than root may replace the folder or what is in it; a clause.

    None if only root may, or this program isn't root. Folders that don't exist yet
    will be root's. A sticky folder on the way keeps what is root's.
    """
    if os.geteuid():
        return None
    real = Path(os.path.realpath(path))
    for each in (*_way(Path(path).absolute()), *_way(real)):
        try:
            with opened(open_folder(each)) as folder:
                found = os.fstat(folder)
                sticky = not found.st_uid and found.st_mode & stat.S_ISVTX
                if not (is_roots(folder) or (sticky and each != real)):
                    return f"others than root may write {each}"
        except FileNotFoundError:
            continue
        except OSError as exc:
            return exc.strerror
    return None


def is_others_file(path: str | Path) -> bool:
    """Whether others than root may write the existing file; False if we aren't root."""
    found = Path(path).stat()
    return not os.geteuid() and bool(found.st_uid or found.st_mode & _OTHERS_WRITE)


def _way(path: Path) -> list[Path]:
    """The path and all folders above it, from the root on."""
    return [*reversed(path.parents), path]


def _descend(path: str | Path) -> Entry:
    """Walk down by descriptors; the caller closes the result's folder."""
    pending = _parts(os.path.join(os.getcwd(), path))  # noqa: PTH109, PTH118
    names: list[str] = []
    folder, links = os.open("/", _FOLDER), 0
    try:
        while pending:
            name = pending.pop()
            target = None if name == ".." else _target(folder, name, names)
            if target is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                pending += _parts(target)
                if target.startswith("/"):
                    folder, names = _swap(folder, "/"), []
            elif not pending and name != "..":
                return Entry(folder, name, "/" + "/".join([*names, name]))
            else:
                folder = _swap(folder, name)
                names = names[:-1] if name == ".." else [*names, name]
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    except BaseException:
        os.close(folder)
        raise


def _parts(path: str) -> list[str]:
    """The names on the path, the last one first."""
    return [part for part in path.split("/") if part not in ("", ".")][::-1]


def _swap(folder: int, name: str) -> int:
    descriptor = os.open(name, _FOLDER, dir_fd=folder)
    os.close(folder)
    return descriptor


def _target(folder: int, name: str, names: list[str]) -> str | None:
    """Where the link leads; None if it isn't a link, or nothing is there."""
    try:
        target = os.readlink(name, dir_fd=folder)
    except OSError as exc:
        if exc.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise
    if is_roots(folder):
        return target
    place = "/" + "/".join(names)
    raise OSError(
        errno.ELOOP,
        f"{place}/{name} is a symbolic link, and others than root may write its folder",
        f"{place}/{name}",
    )
