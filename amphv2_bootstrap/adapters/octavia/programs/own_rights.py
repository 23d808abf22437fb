# SPDX-License-Identifier: Apache-2.0
"""Checks the user's rights on Octavia's own keys and nodes, without any change.

Redis and ZooKeeper check a command's rights in a transaction. This module's
transactions have the commands that taskflow sends, and never succeed.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import importlib
import uuid
from typing import Any

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
