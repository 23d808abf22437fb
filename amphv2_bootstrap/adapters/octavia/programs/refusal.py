# SPDX-License-Identifier: Apache-2.0
"""Explains why the servers refuse the scratch namespace.

The user may lack rights everywhere, which breaks Octavia, or only beside Octavia's
namespace, which doesn't. To distinguish the two, this module checks the rights on
Octavia's own keys and nodes.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .options import GROUP
from .own_rights import try_redis, try_zookeeper
from .reporting import cause_of

if TYPE_CHECKING:
    from .scratch import Scratch

_ABOUT_KEYS = re.compile(r"access .*\bkeys?\b")
"""Redis' text if the key is the reason; for a denied command it names the command."""

_PATIENCE = 30.0


class ScratchRefusedError(Exception):
    """The user may use Octavia's own namespace only."""


@contextlib.contextmanager
def explained_refusals(
    conf: Any, scratch: Scratch, board: Any = None
) -> Iterator[None]:
    """Raise ScratchRefusedError if only the scratch namespace is refused.

    Other errors pass through. If Octavia's own namespace is refused too, raises that
    error.

    :param board: the connected board of the scratch namespace, if there is one.
    """
    try:
        yield
    except Exception as exc:
        refusal = _refusal_of(exc)
        if refusal is None or (board is None and scratch.driver == "redis"):
            raise
        try_own(conf, scratch, board)
        text = f"{type(refusal).__name__}: {refusal}".rstrip(": ")
        raise ScratchRefusedError(
            f"Octavia's user may use {scratch.own} and nothing beside it ({text})"
        ) from exc


def _refusal_of(exc: BaseException | None) -> BaseException | None:
    while exc is not None:
        name = type(exc).__name__
        if name == "NoAuthError":
            return exc
        if name == "NoPermissionError" and _ABOUT_KEYS.search(str(exc)):
            return exc
        exc = cause_of(exc)
    return None


def try_own(conf: Any, scratch: Scratch, board: Any = None) -> None:
    """Raise if the user lacks a right on Octavia's own namespace.

    :param board: see :func:`explained_refusals`.
    """
    if scratch.driver == "redis":
        try_redis(board._client, scratch.own)
    if scratch.driver == "zookeeper":
        with _zookeeper(conf, board) as client:
            try_zookeeper(client, scratch.own, _PATIENCE)


@contextlib.contextmanager
def _zookeeper(conf: Any, board: Any) -> Iterator[Any]:
    """The board's client; without a board, a client as Octavia's driver makes it."""
    if board is not None:
        yield board._client
        return
    with zookeeper_client(conf) as client:
        yield client


@contextlib.contextmanager
def zookeeper_client(conf: Any) -> Iterator[Any]:
    """A connected client as Octavia's driver makes it; it makes no folder."""
    kazoo_utils: Any = importlib.import_module("taskflow.utils.kazoo_utils")
    group = conf[GROUP]
    hosts = [
        f"{host}:{group.jobboard_backend_port}" for host in group.jobboard_backend_hosts
    ]
    settings = {"hosts": ",".join(hosts), **group.jobboard_zookeeper_ssl_options}
    client = kazoo_utils.make_client(settings)
    try:
        client.start(timeout=_PATIENCE)
        yield client
    finally:
        kazoo_utils.finalize_client(client)
