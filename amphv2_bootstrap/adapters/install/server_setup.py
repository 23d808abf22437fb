# SPDX-License-Identifier: Apache-2.0
"""Sets up a packaged key-value server: its files and its place in the ensemble."""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file, no_follow
from amphv2_bootstrap.adapters.host.addresses import own_address
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Spec


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a distribution keeps one server; tests use other paths.

    The first existing one of ``config_files`` counts. The packaged service may write
    in ``data_folder``. ``number_file`` holds a ZooKeeper server's number, by default
    ``myid`` in the data folder.
    """

    packages: tuple[str, ...]
    unit: str
    config_files: tuple[Path, ...]
    data_folder: Path
    number_file: Path | None = None

    @property
    def config_file(self) -> Path:
        there = [path for path in self.config_files if path.exists()]
        return (there or list(self.config_files))[0]


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file with its wanted content; ``private`` if it holds a secret."""

    path: Path
    content: bytes = field(repr=False)
    private: bool = False

    def is_there(self) -> bool:
        """Whether :meth:`put` would change nothing.

        :raises PermanentError: it can't be read.
        """
        with _translated(self.path), no_follow.entry(self.path) as file:
            if file.stat() is None:
                return False
            with no_follow.opened(file.open()) as handle:
                if self.private and _open_to_others(handle):
                    return False
        return durable_file.read(str(self.path)) == self.content

    def check(self) -> None:
        """Check that an existing file can be replaced; change nothing.

        :raises PermanentError: it is a mount of its own, or has a second name.
        """
        if self.path.exists():
            durable_file.check_replaceable(str(self.path))

    def put(self) -> None:
        """Write the file atomically; safe to run twice.

        An existing file keeps its owner and mode, except that others lose their
        rights on a private one, and is backed up. A new file gets its folder's owner.

        :raises PermanentError: it can't be written.
        """
        with _translated(self.path), no_follow.entry(self.path) as file:
            was_there = file.stat() is not None
            if not was_there:
                _create(file)
            with no_follow.opened(file.open()) as handle:
                if self.private and (mode := _open_to_others(handle)):
                    os.fchmod(handle, mode & ~0o007)
        durable_file.write_atomically(str(self.path), self.content, backup=was_there)


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a host among the key-value servers; ``number`` counts from 1."""

    number: int
    address: str


def place_of(spec: Spec, host: str) -> Place:
    """The place of ``host`` among ``spec.key_value_hosts``.

    ``key_value_hosts`` has the machines' names, ``jobboard_backend_hosts`` their
    addresses as Octavia uses them, in the same order.

    :raises TransientError: the address can't be resolved.
    :raises PermanentError: ``host`` isn't listed, or the address isn't its own.
    """
    servers, attempted = spec.key_value_servers, "set up the key-value server"
    if host not in spec.key_value_hosts or len(servers) != len(spec.key_value_hosts):
        raise PermanentError(
            attempted,
            on=host,
            why="key_value_hosts and jobboard_backend_hosts don't pair up",
            todo="List in key_value_hosts the host of each address in "
            "jobboard_backend_hosts, in the same order.",
        )
    index = spec.key_value_hosts.index(host)
    address = own_address(servers[index][0])
    if ip_address(address).is_loopback and len(spec.controllers) > 1:
        raise PermanentError(
            attempted,
            on=host,
            why=f"{servers[index][0]} is the loopback address {address}, which the "
            "other controllers can't reach",
            todo="Write the host's address in jobboard_backend_hosts.",
        )
    return Place(index + 1, address)


def _open_to_others(handle: int) -> int:
    """The mode of the open file if it gives others any right, else 0."""
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    return mode if mode & 0o007 else 0


def _create(file: no_follow.Entry) -> None:
    """Make an empty file that the owner of its folder may read."""
    owner = os.fstat(file.folder)
    with no_follow.opened(file.create()) as handle:
        os.fchown(handle, owner.st_uid, owner.st_gid)
        os.fchmod(handle, 0o640)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise PermanentError(
            "prepare the file",
            on=str(path),
            why=exc.strerror or str(exc),
            todo="Check the folder and its permissions; run as root.",
        ) from exc
