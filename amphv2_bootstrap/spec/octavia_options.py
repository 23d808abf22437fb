# SPDX-License-Identifier: Apache-2.0
"""Octavia's ``[task_flow]`` group, option by option.

Source: ``task_flow_opts`` in ``octavia/common/config.py`` of Octavia 19.0.0; a
test compares the table with an installed Octavia. :mod:`octavia_releases` has what
differs in older releases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["str", "int", "port", "bool", "list", "dict"]
Default = (
    str | int | bool | tuple[str, ...] | Mapping[str, str | bool | int | None] | None
)

REDIS = "redis"
ZOOKEEPER = "zookeeper"
ETCD = "etcd"

OLDEST_RELEASE = 7
"""The first major release of Octavia that is supported: victoria.

ussuri, the first with amphorav2, has no jobboard_enabled, and its driver of ZooKeeper
doesn't work.
"""

DEFAULT_NAMESPACE = "octavia_jobboard"
DEFAULT_PORTS: Mapping[str, int] = {REDIS: 6379, ZOOKEEPER: 2181, ETCD: 2379}
"""The port on which each driver's server listens by default.

Octavia's own default is 6379 for every driver, which is right only for Redis.
"""
SENTINEL_PORT = 26379

ALWAYS_WRITTEN = (
    "jobboard_enabled",
    "jobboard_backend_driver",
    "jobboard_backend_hosts",
    "jobboard_backend_port",
    "jobboard_backend_namespace",
)
"""The options that a specification always holds (see :class:`Spec`)."""


@dataclass(frozen=True, slots=True)
class TaskFlowOption:
    """One option of Octavia's ``[task_flow]``.

    ``default`` is Octavia's own. ``since`` is the first major release of Octavia that
    has the option. ``secret`` is Octavia's own, too, but the URL with a password is
    secret here in every release. ``drivers`` are those that read the option; empty
    means all. ``keys`` are the keys that a ``dict`` option knows; a written value
    replaces the whole default (oslo.config merges nothing). ``secret_keys`` are the
    keys that hold a secret.
    """

    name: str
    kind: Kind
    default: Default
    secret: bool = False
    drivers: tuple[str, ...] = ()
    help: str = ""
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    secret_keys: tuple[str, ...] = ()
    since: int = OLDEST_RELEASE

    def is_read_by(self, driver: str) -> bool:
        """Whether Octavia's driver of that name reads the option."""
        return not self.drivers or driver in self.drivers


_REDIS_TLS: Mapping[str, str | bool | None] = {
    "ssl": False,
    "ssl_keyfile": None,
    "ssl_certfile": None,
    "ssl_ca_certs": None,
    "ssl_cert_reqs": "required",
}
_ZOOKEEPER_TLS: Mapping[str, str | bool | None] = {
    "use_ssl": False,
    "keyfile": None,
    "keyfile_password": None,
    "certfile": None,
    "verify_certs": True,
}
_ETCD_TLS: Mapping[str, str | bool | None] = {
    "use_ssl": False,
    "ca_cert": None,
    "cert_key": None,
    "cert_cert": None,
}

TASK_FLOW_OPTIONS: tuple[TaskFlowOption, ...] = (
    TaskFlowOption(
        "engine",
        "str",
        "parallel",
        choices=("serial", "parallel"),
        help="The taskflow engine: one thread, or several where flows allow it.",
    ),
    TaskFlowOption("max_workers", "int", 5, help="Threads of the parallel engine."),
    TaskFlowOption(
        "disable_revert",
        "bool",
        False,
        help="Leave failed flows as they are; for debugging Octavia only.",
    ),
    TaskFlowOption(
        "persistence_connection",
        "str",
        "sqlite://",
        secret=True,
        help="URL of the database that keeps the state of Octavia's tasks.",
    ),
    TaskFlowOption(
        "jobboard_enabled",
        "bool",
        False,
        help="Whether Octavia uses a jobboard.",
    ),
    TaskFlowOption(
        "jobboard_backend_driver",
        "str",
        "redis_taskflow_driver",
        choices=(
            "redis_taskflow_driver",
            "zookeeper_taskflow_driver",
            "etcd_taskflow_driver",
        ),
        help="The kind of key-value backend.",
    ),
    TaskFlowOption(
        "jobboard_backend_hosts",
        "list",
        ("127.0.0.1",),
        help=(
            "Hosts of the key-value backend, or of Sentinel. Redis without Sentinel "
            "and etcd use only the first."
        ),
    ),
    TaskFlowOption(
        "jobboard_backend_port",
        "port",
        6379,
        minimum=0,
        maximum=65535,
        help="Port of the key-value backend, or of Sentinel.",
    ),
    TaskFlowOption(
        "jobboard_backend_username",
        "str",
        None,
        drivers=(REDIS,),
        help="User name at the Redis servers (Redis 6 access lists).",
        since=14,
    ),
    TaskFlowOption(
        "jobboard_backend_password",
        "str",
        None,
        secret=True,
        drivers=(REDIS,),
        help="Password at the Redis servers.",
    ),
    TaskFlowOption(
        "jobboard_backend_namespace",
        "str",
        DEFAULT_NAMESPACE,
        help="Prefix or path under which the backend keeps the jobs.",
    ),
    TaskFlowOption(
        "jobboard_redis_backend_db",
        "int",
        0,
        minimum=0,
        drivers=(REDIS,),
        help="Number of the Redis database.",
        since=16,
    ),
    TaskFlowOption(
        "jobboard_redis_sentinel",
        "str",
        None,
        drivers=(REDIS,),
        help="Name of the master set at Sentinel; the hosts are then Sentinels.",
    ),
    TaskFlowOption(
        "jobboard_redis_sentinel_username",
        "str",
        None,
        drivers=(REDIS,),
        help="User name at Sentinel itself.",
        since=15,
    ),
    TaskFlowOption(
        "jobboard_redis_sentinel_password",
        "str",
        None,
        secret=True,
        drivers=(REDIS,),
        help="Password at Sentinel itself.",
        since=15,
    ),
    TaskFlowOption(
        "jobboard_redis_backend_ssl_options",
        "dict",
        _REDIS_TLS,
        drivers=(REDIS,),
        keys=tuple(_REDIS_TLS),
        help="TLS towards the Redis servers.",
    ),
    TaskFlowOption(
        "jobboard_redis_sentinel_ssl_options",
        "dict",
        _REDIS_TLS,
        drivers=(REDIS,),
        keys=tuple(_REDIS_TLS),
        help="TLS towards Sentinel.",
        since=15,
    ),
    TaskFlowOption(
        "jobboard_zookeeper_ssl_options",
        "dict",
        _ZOOKEEPER_TLS,
        drivers=(ZOOKEEPER,),
        keys=tuple(_ZOOKEEPER_TLS),
        secret_keys=("keyfile_password",),
        help="TLS towards ZooKeeper.",
    ),
    TaskFlowOption(
        "jobboard_etcd_ssl_options",
        "dict",
        _ETCD_TLS,
        drivers=(ETCD,),
        keys=tuple(_ETCD_TLS),
        help="TLS towards etcd.",
        since=16,
    ),
    TaskFlowOption(
        "jobboard_etcd_timeout",
        "int",
        None,
        drivers=(ETCD,),
        help="Seconds to wait for an answer from etcd.",
        since=16,
    ),
    TaskFlowOption(
        "jobboard_etcd_api_path",
        "str",
        None,
        drivers=(ETCD,),
        help="Path of etcd's JSON gateway, such as /v3/.",
        since=16,
    ),
    TaskFlowOption(
        "jobboard_expiration_time",
        "int",
        30,
        drivers=(REDIS, ETCD),
        help=(
            "Seconds that a claim lasts without renewal; a claim in ZooKeeper ends "
            "with its session."
        ),
    ),
    TaskFlowOption(
        "jobboard_save_logbook",
        "bool",
        False,
        help="Keep the logbooks of finished jobs in the persistence database.",
    ),
)

BY_NAME: Mapping[str, TaskFlowOption] = {
    option.name: option for option in TASK_FLOW_OPTIONS
}
SECRET_OPTIONS = tuple(
    option.name
    for option in TASK_FLOW_OPTIONS
    if option.secret and option.name != "persistence_connection"
)
"""The options that are secret as a whole; of the URL only the password is."""
ENGINE_KEYS: Mapping[str, tuple[str, ...]] = {
    "jobboard_zookeeper_ssl_options": ("ca", "check_hostname")
}
"""Keys of TLS dictionaries that only the engine's own boards pass to their client."""
KEYFILE_PASSWORD = "jobboard_zookeeper_keyfile_password"  # noqa: S105 - its name
"""The secret ``keyfile_password`` in ``jobboard_zookeeper_ssl_options``."""
