# SPDX-License-Identifier: Apache-2.0
"""Checks whether one Redis server is fit to keep Octavia's jobs."""

from typing import Any

import redis
from redis import exceptions

from amphv2_bootstrap.adapters.key_value.wording import SCRATCH_SECONDS, scratch_name
from amphv2_bootstrap.adapters.octavia.programs.own_rights import try_redis
from amphv2_bootstrap.errors import PermanentError


def judge(client: "redis.Redis", on: str, namespace: str) -> tuple[str, ...]:
    """Check role, memory, disk and rights of the server behind ``client``.

    redis-py's errors pass through.

    :param on: the server's name in messages.
    :returns: warnings, full sentences.
    :raises PermanentError: the server isn't fit.
    """
    # Octavia needs the right to INFO too: taskflow reads the version from it.
    info: dict[str, Any] = client.info()
    _check_role(info, on)
    warnings = (
        *_check_memory(info, on),
        *_check_disk(client, info, on),
        *_check_isolation(info, on),
    )
    try_redis(client, namespace)
    return warnings + _check_write(client)


def _unfit(on: str, why: str, todo: str) -> PermanentError:
    return PermanentError("use the Redis server", on=on, why=why, todo=todo)


def _check_role(info: dict[str, Any], on: str) -> None:
    if info.get("role", "master") != "master":
        master = f"{info.get('master_host')}:{info.get('master_port')}"
        raise _unfit(
            on,
            f"it is a replica of {master}, which takes no writes",
            "Configure the address of the master, or use Sentinel.",
        )
    if int(info.get("cluster_enabled", 0)):
        raise _unfit(
            on,
            "it is in cluster mode, which puts the keys of one job in several slots",
            "Use a single Redis, or several with Sentinel.",
        )


def _check_memory(info: dict[str, Any], on: str) -> tuple[str, ...]:
    """A Redis that evicts keys loses jobs, or lets two workers claim one job."""
    policy, limit = info.get("maxmemory_policy"), int(info.get("maxmemory", 0))
    if policy is None:
        return (f"Redis ({on}) hides its maxmemory-policy: it must be noeviction.",)
    if policy == "noeviction":
        return ()
    if limit:
        raise _unfit(
            on,
            f"maxmemory-policy is {policy}: when its {limit} bytes are full, Redis "
            "drops Octavia's jobs and claims",
            "Set maxmemory-policy noeviction (CONFIG SET and redis.conf).",
        )
    return (
        f"Redis ({on}) has maxmemory-policy {policy}: as soon as somebody sets "
        "maxmemory, it may drop jobs. Set the policy to noeviction.",
    )


def _check_disk(
    client: "redis.Redis", info: dict[str, Any], on: str
) -> tuple[str, ...]:
    if int(info.get("aof_enabled", 0)):
        return ()
    try:
        settings: dict[str, str] = client.config_get("save")  # type: ignore[assignment]
    except exceptions.ResponseError:  # an access list, or a hosted Redis
        return (
            f"Redis ({on}) hides its settings, and appendonly is off: make sure that "
            "it keeps its data on disk.",
        )
    if settings.get("save"):
        return ()
    return (
        f"Redis ({on}) keeps nothing on disk: a restart loses the jobs under way. "
        "Set appendonly yes.",
    )


def _check_isolation(info: dict[str, Any], on: str) -> tuple[str, ...]:
    """Two replicas or more: one may be lost without an end of all writes."""
    # Shown if, and only if, min-replicas-to-write and -max-lag are set.
    if "min_slaves_good_slaves" in info or int(info.get("connected_slaves", 0)) < 2:
        return ()
    return (
        f"Redis ({on}) takes writes while it reaches no replica. If it is cut off and "
        "replaced, claims that were renewed there are held twice. Set "
        "min-replicas-to-write 1 on all servers.",
    )


def _check_write(client: "redis.Redis") -> tuple[str, ...]:
    key = scratch_name()
    try:
        with client.pipeline(transaction=True) as pipe:
            pipe.hsetnx(key, "written", "1")
            pipe.pexpire(key, SCRATCH_SECONDS * 1000)
            pipe.execute()
    except exceptions.NoPermissionError as exc:
        if "key" not in str(exc):
            raise
        return (
            "The Redis user may use Octavia's own keys only: its rights were checked, "
            "but nothing was written.",
        )
    client.delete(key)
    return ()
