# SPDX-License-Identifier: Apache-2.0
"""Explains why the servers refuse the scratch namespace, without any change.

The user may lack rights everywhere, which breaks Octavia, or only beside Octavia's
namespace, which doesn't. To distinguish the two, this module checks the rights on
Octavia's own keys and nodes.

Redis and ZooKeeper check a command's rights in a transaction. This module's
transactions have the commands that taskflow sends, and never succeed.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
import re
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .options import GROUP
from .reporting import cause_of

if TYPE_CHECKING:
    from .scratch import Scratch

_SCRIPT = "return redis.call('exists', KEYS[1])"


def try_redis(client: Any, namespace: str) -> None:
    """Try the commands of taskflow's RedisJobBoard on its keys.

    redis-py's errors pass through.

    :param client: a redis-py client of any database of a master.
    """
    job = str(uuid.uuid4())
    names = ("listings", "sequence", "trash", f"{job}.owned", f"{job}.last_modified")
    keys = [f"{namespace}:{name}" for name in names]
    listings, sequence, trash, owner, modified = keys

    def state(pipe: Any) -> None:
        pipe.multi()
        pipe.hexists(listings, job)
        pipe.exists(owner)

    client.ping()
    client.info()
    _queue(
        client,
        ("INCRBY", sequence, "1"),
        ("HSETNX", listings, job, "1"),
        ("HLEN", listings),
        ("HGETALL", listings),
        ("HGET", listings, job),
        ("GET", owner),
        ("GET", modified),
        ("SET", owner, "1"),
        ("SET", modified, "1"),
        ("PEXPIRE", owner, "1000"),
        ("HSET", trash, job, "1"),
        ("HDEL", listings, job),
        ("DEL", owner, modified),
    )
    client.transaction(state, listings, owner)
    client.evalsha(client.script_load(_SCRIPT), 4, owner, listings, modified, trash)


def _queue(client: Any, *commands: tuple[str, ...]) -> None:
    """Queue the commands, then close the connection, which drops them."""
    own_client = client.client()
    connection = own_client.connection
    try:
        for words in (("MULTI",), *commands):
            connection.send_command(*words)
            connection.read_response()
    finally:
        connection.disconnect()
        own_client.close()


def try_zookeeper(client: Any, namespace: str, timeout: float) -> None:
    """Try what taskflow's ZookeeperJobBoard does in its folders.

    kazoo's errors pass through; their text has the path.

    :param client: a connected kazoo client.
    :param timeout: seconds to wait for each answer.
    """
    exceptions: Any = importlib.import_module("kazoo.exceptions")
    path = "/" + namespace.strip("/")
    places = _places(path)
    missing = _missing(client, places, timeout)
    if path not in missing:
        client.get_children_async(path).get(timeout=timeout)
    transaction, paths = client.transaction(), []
    for folder in missing:
        transaction.create(folder)
        paths.append(folder)
    for place in places:
        node = f"{place}/amphv2-bootstrap-check-{uuid.uuid4()}"
        transaction.create(node)
        transaction.delete(node)
        paths += [place, place]
    transaction.check(places[0], version=-2)  # always fails: nothing is changed
    results = transaction.commit_async().get(timeout=timeout)
    for place, result in zip(paths, results):  # noqa: B905 - Octavia's Python
        if not isinstance(result, exceptions.RolledBackError):
            raise type(result)(f"refused to create and delete nodes in {place}")


def _places(path: str) -> tuple[str, ...]:
    """The folders in which taskflow makes and removes nodes."""
    name = path.rpartition("/")[2]
    trash, entities = path.replace(name, ".trash"), path.replace(name, ".entities")
    return path, trash, f"{entities}/conductor"


def _missing(client: Any, places: tuple[str, ...], timeout: float) -> list[str]:
    """The folders that don't exist, parents first."""
    found: list[str] = []
    for place in places:
        parts = place.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            folder = "/" + "/".join(parts[:depth])
            there = folder in found or client.exists_async(folder).get(timeout=timeout)
            if not there:
                found.append(folder)
    return found


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
