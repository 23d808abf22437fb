# SPDX-License-Identifier: Apache-2.0
"""Which address of this host is meant by a name."""

import socket
from contextlib import closing

from amphv2_bootstrap.errors import PermanentError, TransientError


def own_address(name: str) -> str:
    """The numeric address that ``name`` stands for, if it is one of this host.

    :param name: a host name, IPv4 or IPv6 address; brackets are taken off.
    :raises TransientError: the name can't be resolved.
    :raises PermanentError: it is another host's.
    """
    attempted = "find the address to listen on"
    try:
        found = socket.getaddrinfo(name.strip("[]"), 0, type=socket.SOCK_STREAM)
    except socket.gaierror as exc:
        raise TransientError(
            attempted,
            on=name,
            why=exc.strerror or str(exc),
            todo="Mend name resolution, or configure an address.",
        ) from exc
    for family, kind, _, _, target in found:
        if _can_bind(family, kind, target):
            return str(target[0])
    raise PermanentError(
        attempted,
        on=name,
        why="it is not an address of this host",
        todo="List key_value_hosts in the order of jobboard_backend_hosts, each "
        "beside its own address.",
    )


def accepts(host: str, port: int, *, timeout: float) -> bool:
    """Whether something takes TCP connections there; ``timeout`` in seconds."""
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
