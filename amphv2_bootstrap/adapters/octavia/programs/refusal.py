# SPDX-License-Identifier: Apache-2.0
"""Telling a user who may not work beside Octavia's namespace from one who can't at all.

Both are refused on the scratch namespace. The first has to be tried on Octavia's
own keys and nodes: only where everything is allowed there is nothing broken.
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
"""Redis' words where the key is the reason; of a denied command they name that."""

_PATIENCE = 30.0


class ScratchRefusedError(Exception):
    """The user may use Octavia's own namespace, and none beside it."""


@contextlib.contextmanager
def told_apart(conf: Any, scratch: Scratch, board: Any = None) -> Iterator[None]:
    """Within, a refusal of the scratch namespace alone becomes ScratchRefusedError.

    Any other error passes through, and so does what is refused on Octavia's own
    namespace.

    :param board: one that is connected, of the scratch namespace; None while there
        is none.
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
    """See that Octavia may use its own namespace; what it may not is an error.

    :param board: as for :func:`told_apart`.
    """
    if scratch.driver == "redis":
        try_redis(board._client, scratch.own)
    if scratch.driver == "zookeeper":
        with _zookeeper(conf, board) as client:
            try_zookeeper(client, scratch.own, _PATIENCE)


@contextlib.contextmanager
def _zookeeper(conf: Any, board: Any) -> Iterator[Any]:
    """The board's client; without a board one as Octavia's driver makes it."""
    if board is not None:
        yield board._client
        return
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
