# SPDX-License-Identifier: Apache-2.0
"""Sentinels that are silent, and are named before one that answers.

redis-py asks them in the order of ``jobboard_backend_hosts``. With redis-py 8.1 one
that drops packets costs Octavia's services 60 s a connection, one without a route 33 s,
one that refuses 3 s. Octavia has no option for that; the programs that run in its
Python set their own limit (:mod:`.programs.loading`).
"""

import contextlib
import socket
from dataclasses import dataclass

from amphv2_bootstrap.adapters.key_value.wording import place
from amphv2_bootstrap.spec.model import Spec

ORDER = (
    "each connection of Octavia's client waits for it first, up to 60 s with redis-py "
    "8.1. Start it, or name it last in jobboard_backend_hosts"
)

NONE = (
    "start them, or correct jobboard_backend_hosts and jobboard_backend_port, which "
    "are Sentinel's; a firewall between must let this port pass"
)


@dataclass(frozen=True, slots=True)
class Silence:
    """``first`` are silent, and named before those that answer, unless none does."""

    first: tuple[str, ...] = ()
    are_all: bool = False

    def __str__(self) -> str:
        names = ", ".join(self.first)
        if self.are_all:
            return f"None of the Sentinels answers ({names}): {NONE}."
        return f"No answer from the Sentinel {names}: {ORDER}." if self.first else ""


def silence(spec: Spec, *, timeout: float = 2.0) -> Silence:
    """Ask the Sentinels in their order, until one answers.

    :param timeout: seconds to wait for each.
    """
    first: list[str] = []
    if not spec.task_flow.get("jobboard_redis_sentinel"):
        return Silence()
    for host, port in spec.key_value_servers:
        if _answers(host, port, timeout):
            return Silence(tuple(first))
        first.append(place(host, port))
    return Silence(tuple(first), are_all=True)


def _answers(host: str, port: int, timeout: float) -> bool:
    """Whether it says anything, or ends the connection: it does where it wants TLS."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(b"PING\r\n")
            with contextlib.suppress(ConnectionResetError):
                connection.recv(1)
    except OSError:
        return False
    return True
