# SPDX-License-Identifier: Apache-2.0
"""Where the engine's own jobboard is, and how to connect to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amphv2_bootstrap.engine.lease import CALL_PART
from amphv2_bootstrap.spec.secret import Secret

_LONGEST_CALL, _SHORTEST_CALL = 5.0, 1.0


def call_seconds(expiry: float) -> float:
    """How long a backend may take to answer before it counts as gone, in seconds.

    Short enough for a second try while a claim of ``expiry`` seconds lasts.
    """
    return max(_SHORTEST_CALL, min(_LONGEST_CALL, expiry * CALL_PART))


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSettings:
    """One jobboard. Option mappings have Octavia's keys, their values are texts.

    :param driver: ``sql``, ``redis``, ``zookeeper`` or ``etcd``.
    :param hosts: names or addresses. Redis without Sentinel has one; with
        Sentinel, ``hosts`` and ``port`` are the Sentinels'.
    :param namespace: the prefix of this engine's keys; nothing else may use it.
    :param expiry: seconds that a claim lasts unless it is renewed; for ZooKeeper
        the session's timeout follows from it.
    :param etcd_timeout: seconds an etcd may take to answer; not more than
        ``call_seconds``.
    :param database: for ``sql``: the engine's database, opened by the caller.
    """

    driver: str
    namespace: str
    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 0
    username: str | None = None
    password: Secret | None = None
    redis_db: int = 0
    redis_sentinel: str | None = None
    redis_sentinel_username: str | None = None
    redis_sentinel_password: Secret | None = None
    redis_ssl: Mapping[str, str] = field(default_factory=dict)
    redis_sentinel_ssl: Mapping[str, str] = field(default_factory=dict)
    # Holds the key file's password.
    zookeeper_ssl: Mapping[str, str] = field(default_factory=dict, repr=False)
    etcd_ssl: Mapping[str, str] = field(default_factory=dict)
    etcd_timeout: float | None = None
    etcd_api_path: str | None = None
    expiry: float = 12.0
    database: Any = field(default=None, repr=False)

    @property
    def call_seconds(self) -> float:
        """See :func:`call_seconds`."""
        return call_seconds(self.expiry)

    @property
    def servers(self) -> tuple[str, ...]:
        """``host:port`` of each server, with IPv6 addresses in brackets."""
        return tuple(f"{bracketed(host)}:{self.port}" for host in self.hosts)

    @property
    def place(self) -> str:
        """What messages call the board."""
        where = ",".join(self.servers)
        if self.redis_sentinel:
            where = f"{self.redis_sentinel} by Sentinel {where}"
        return f"jobboard {self.namespace} in {self.driver} at {where}"

    @property
    def secret_texts(self) -> tuple[str, ...]:
        """The texts that no message may hold."""
        secrets = filter(None, (self.password, self.redis_sentinel_password))
        keyfile = self.zookeeper_ssl.get("keyfile_password", "")
        return (*(secret.reveal() for secret in secrets), keyfile)


def bracketed(host: str) -> str:
    """``host`` as it stands before ``:port``."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
