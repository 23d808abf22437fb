# SPDX-License-Identifier: Apache-2.0
"""Addresses of this host."""

import socket
from contextlib import closing

from amphv2_bootstrap.errors import PermanentError, TransientError


def own_address(name: str) -> str:
    """The numeric address of this host to which ``name`` resolves.

    :param name: a host name, IPv4 or IPv6 address, with or without brackets.
    :raises TransientError: the name can't be resolved.
    :raises PermanentError: the address belongs to a different host.
    """
    attempted = "find the address to listen on"
    try:
        found = socket.getaddrinfo(name.strip("[]"), 0, type=socket.SOCK_STREAM)
    except socket.gaierror as exc:
        raise TransientError(
            attempted,
            on=name,
            why=exc.strerror or str(exc),
            todo="Fix name resolution, or configure an address.",
        ) from exc
    for family, kind, _, _, target in found:
        if _can_bind(family, kind, target):
            return str(target[0])
    raise PermanentError(
        attempted,
        on=name,
        why="it is not an address of this host",
        todo="List key_value_hosts in the order of their addresses in "
        "jobboard_backend_hosts.",
    )


def accepts(host: str, port: int, *, timeout: float) -> bool:
    """Whether a server accepts TCP connections there; ``timeout`` in seconds."""
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError:
        return False
    return True


def _can_bind(family: int, kind: int, target: tuple[object, ...]) -> bool:
    with closing(socket.socket(family, kind)) as probe:
        try:
            probe.bind(target)
        except OSError:
            return False
    return True
