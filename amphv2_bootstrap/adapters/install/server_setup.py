# SPDX-License-Identifier: Apache-2.0
"""Sets up a packaged key-value server: its files and its place in the ensemble."""

import os
import stat
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.addresses import own_address
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Spec


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a distribution keeps one server; tests use other paths.

    The first existing one of ``config_files`` counts. The packaged service may write
    in ``data_folder``.
    """

    packages: tuple[str, ...]
    unit: str
    config_files: tuple[Path, ...]
    data_folder: Path

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
        """Whether :meth:`put` would change nothing."""
        return (
            self.path.exists()
            and not (self.private and _others_may_read(self.path))
            and durable_file.read(str(self.path)) == self.content
        )

    def put(self) -> None:
        """Write the file atomically; safe to run twice.

        An existing file keeps its owner and mode, except that others lose their
        rights on a private one, and is backed up. A new file gets its folder's owner.

        :raises PermanentError: it can't be written.
        """
        was_there = self.path.exists()
        try:
            if not was_there:
                _create(self.path)
            if self.private and _others_may_read(self.path):
                self.path.chmod(stat.S_IMODE(self.path.stat().st_mode) & ~0o007)
        except OSError as exc:
            raise PermanentError(
                "prepare the file",
                on=str(self.path),
                why=exc.strerror or str(exc),
                todo="Check the folder and its permissions; run as root.",
            ) from exc
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


def _others_may_read(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o007)


def _create(path: Path) -> None:
    """Make an empty file that the owner of its folder may read."""
    owner = path.parent.stat()
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o640)
    try:
        os.fchown(handle, owner.st_uid, owner.st_gid)
    finally:
        os.close(handle)
