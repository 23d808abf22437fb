# SPDX-License-Identifier: Apache-2.0
"""A scratch namespace beside Octavia's, and its complete removal.

Octavia's conductors claim every job in their namespace, so a proof uses
``<namespace>_amphv2_canary_<end>_<token>``. After the hexadecimal time ``end`` no
program uses it; if it still exists, its program was killed, and the next program
removes it.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import importlib
import re
import secrets
from typing import Any

from .loading import driver_name
from .options import GROUP

MARK = "_amphv2_canary_"
_NAME = re.compile(r"amphv2_canary_([0-9a-f]{8})_[0-9a-f]{8}")
_MARGIN = 120
"""Seconds by which the clocks of two controllers may differ."""
_CLEANUP = 60
_TOGETHER = 10
_ETCD_ROOTS = ("/taskflow/jobs/", "/taskflow/.trash/")


class Scratch:
    """The namespace of one run; ``own`` is Octavia's.

    :param now: seconds since the epoch.
    :param lifetime: seconds after which this run has certainly ended.
    """

    def __init__(self, conf: Any, now: float, lifetime: float) -> None:
        self._now = now
        self._lifetime = int(lifetime) + _CLEANUP
        self.own = str(conf[GROUP].jobboard_backend_namespace).rstrip("/")
        self.driver = driver_name(conf)
        token = secrets.token_hex(4)
        self.label = f"{MARK.strip('_')}_{int(now + self._lifetime):08x}_{token}"
        self.root = f"{self.own}_{self.label}"
        # taskflow puts .trash and .entities beside a ZooKeeper board, where boards
        # share them, so this board gets its own folder. taskflow replaces the board's
        # name everywhere in the path, so that name must occur once.
        self.namespace = self.root
        if self.driver == "zookeeper":
            self.namespace = f"{self.root}/{secrets.token_hex(8)}"
        conf.set_override("jobboard_backend_namespace", self.namespace, group=GROUP)

    def expire(self, board: Any, job: Any) -> None:
        """Make Redis expire the keys, in case this process is killed."""
        if self.driver == "redis":
            for key in _redis_keys(board, job):
                if key != job.owner_key:  # a claim has its own expiry
                    board._client.pexpire(key, self._lifetime * 1000)

    def remove(self, board: Any, job: Any) -> list[str]:
        """Remove everything of this run; return the names of what is left."""
        client = board._client
        if self.driver == "redis":
            keys = _redis_keys(board, job)
            client.delete(*keys)
            return [key.decode() for key in keys if client.exists(key)]
        if self.driver == "zookeeper":
            return self._remove_from_zookeeper(client)
        for prefix in self._etcd_prefixes():
            client.delete_prefix(prefix)
        return [
            found["key"].decode()
            for prefix in self._etcd_prefixes()
            for _, found in client.get_prefix(prefix)
        ]

    def _etcd_prefixes(self) -> list[str]:
        return [f"{root}{self.root.strip('/')}/" for root in _ETCD_ROOTS]

    def _remove_from_zookeeper(self, client: Any) -> list[str]:
        exceptions: Any = importlib.import_module("kazoo.exceptions")
        path = "/" + self.root.strip("/")
        made = client.exists(path)
        client.delete(path, recursive=True)
        while made is not None and (path := path.rpartition("/")[0]):
            # Remove only parents that were made together with our folder.
            folder = client.exists(path)
            if folder is None or made.ctime - folder.ctime > _TOGETHER * 1000:
                break
            with contextlib.suppress(exceptions.NotEmptyError, exceptions.NoNodeError):
                client.delete(path)
        path = "/" + self.root.strip("/")
        return [path] if client.exists(path) is not None else []

    def remove_orphans(self, board: Any) -> int:
        """Remove what killed runs left in the key-value store; return the number."""
        client = board._client
        finders = {
            "redis": self._redis_orphans,
            "zookeeper": self._zookeeper_orphans,
            "etcd": self._etcd_orphans,
        }
        found = [name for name in finders[self.driver](client) if self._is_over(name)]
        for name in found:
            if self.driver == "zookeeper":
                client.delete(name, recursive=True)
            else:
                client.delete(name)
        return len(found)

    def _is_over(self, name: str) -> bool:
        found = _NAME.search(name)
        return found is not None and int(found[1], 16) + _MARGIN < self._now

    def _redis_orphans(self, client: Any) -> list[str]:
        base = re.sub(r"([][*?\\^])", r"\\\1", self.own)
        keys = client.scan_iter(match=f"{base}{MARK}*", count=1000)
        return [key.decode() for key in keys]

    def _zookeeper_orphans(self, client: Any) -> list[str]:
        folder, _, name = ("/" + self.own.strip("/")).rpartition("/")
        return [
            f"{folder}/{child}"
            for child in client.get_children(folder or "/")
            if child.startswith(name + MARK)
        ]

    def _etcd_orphans(self, client: Any) -> list[str]:
        return [
            found["key"].decode()
            for root in _ETCD_ROOTS
            for _, found in client.get_prefix(f"{root}{self.own.strip('/')}{MARK}")
        ]

    def remove_orphaned_books(self, persistence: Any) -> int:
        """Destroy the logbooks that killed runs left; return the number."""
        sqlalchemy: Any = importlib.import_module("sqlalchemy")
        query = sqlalchemy.text(
            "SELECT uuid, name FROM logbooks WHERE name LIKE 'amphv2!_canary!_%'"
            " ESCAPE '!'"
        )
        with persistence.engine.connect() as connection:
            rows = [(str(row[0]), str(row[1])) for row in connection.execute(query)]
        over = [uuid for uuid, name in rows if self._is_over(name)]
        for uuid in over:
            destroy_book(persistence, uuid)
        return len(over)


def _redis_keys(board: Any, job: Any) -> list[bytes]:
    keys = [board.listings_key, board.sequence_key, board.trash_key]
    if job is not None:
        keys += [job.owner_key, job.last_modified_key]
    return keys


def destroy_book(persistence: Any, uuid: str) -> None:
    """Destroy a logbook and its contents; safe to run twice."""
    exceptions: Any = importlib.import_module("taskflow.exceptions")
    with contextlib.suppress(exceptions.NotFound):
        persistence.get_connection().destroy_logbook(uuid)


def rows_of(persistence: Any, book: str, flow: str) -> list[str]:
    """The tables that still have rows of a logbook and its flow."""
    sqlalchemy: Any = importlib.import_module("sqlalchemy")
    places = (
        ("logbooks", "uuid", book),
        ("flowdetails", "uuid", flow),
        ("atomdetails", "parent_uuid", flow),
    )
    found = []
    with persistence.engine.connect() as connection:
        for table, column, value in places:
            query = sqlalchemy.text(
                f"SELECT COUNT(*) FROM {table} WHERE {column} = :value"  # noqa: S608
            )
            if connection.execute(query, {"value": value}).scalar():
                found.append(f"rows of the table {table}")
    return found
