# SPDX-License-Identifier: Apache-2.0
"""The rules about the values of a ``[task_flow]`` group, in one table.

Configuration, steps and the checks of the key-value backend all use it. Unless a rule
names another source, its source is Octavia's
``controller/worker/v2/taskflow_jobboard_driver.py`` (14.0 to 19.0).
"""

import re
from collections.abc import Callable

from amphv2_bootstrap.spec import task_flow_tls
from amphv2_bootstrap.spec.octavia_options import (
    BY_NAME,
    DEFAULT_PORTS,
    ETCD,
    REDIS,
    TASK_FLOW_OPTIONS,
    ZOOKEEPER,
)
from amphv2_bootstrap.spec.octavia_releases import release_traps
from amphv2_bootstrap.spec.task_flow_group import (
    CONFIGURATION,
    Group,
    Place,
    Severity,
    Trap,
    Traps,
)
from amphv2_bootstrap.spec.tls import arguments, url_traps

SHORT_EXPIRATION = 100
"""Seconds; Octavia's own tests use it, since a long step takes more than 30."""

SQL_NAMESPACE_LENGTH = 64
ONE_ADDRESS = (
    "Name one address that moves with the cluster, such as that of a load balancer"
)
IN_MEMORY = "is a database in memory, which is lost when its process ends"
ADDRESS_6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9]+)?")
LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|\[?::1\]?")

_HOSTS = "jobboard_backend_hosts"
_PORT = "jobboard_backend_port"
_PASSWORD = "jobboard_backend_password"  # noqa: S105 - its name
_EXPIRATION = "jobboard_expiration_time"
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_API_PATH = re.compile(r"/([A-Za-z0-9._-]+/)+")


def traps(group: Group) -> Traps:
    """All traps that the rules for the group's place find in it."""
    for rule, places in RULES:
        if group.place in places:
            yield from rule(group)


def namespace(group: Group) -> Traps:
    """Octavia uses it in paths of ZooKeeper, taskflow in keys of Redis and etcd."""
    if not _NAMESPACE.fullmatch(group.namespace):
        what = "is empty, or has other characters than letters, digits, _, - and ."
        todo = "Write one word, such as octavia_jobboard"
        yield Trap("jobboard_backend_namespace", what, todo)


def long_namespace(group: Group) -> Traps:
    """The sql board keeps it in a column of the engine's database."""
    if group.driver == "sql" and len(group.namespace) > SQL_NAMESPACE_LENGTH:
        what = f"has more than the {SQL_NAMESPACE_LENGTH} characters of a sql board"
        yield Trap("jobboard_backend_namespace", what, "Choose a shorter one")


def unread(group: Group) -> Traps:
    """An option that the driver doesn't read hides a mistake.

    Octavia's drivers for ZooKeeper and etcd send no password, and a claim in ZooKeeper
    ends with kazoo's session. In octavia.conf only the password matters. The engine's
    own sql board needs no server; all its boards use the expiration.
    """
    driver, in_file = group.driver, group.place is Place.FILE
    for option in TASK_FLOW_OPTIONS:
        name, note = option.name, ""
        readers = tuple(DEFAULT_PORTS) if name in (_HOSTS, _PORT) else option.drivers
        if name == _PASSWORD and driver in DEFAULT_PORTS:
            note = ": only TLS or a firewall protects the backend"
        elif in_file or (name == _EXPIRATION and group.place is Place.ENGINE):
            continue
        if readers and driver not in readers and group.has(name):
            yield Trap(
                name,
                f"is set, but the driver is {driver}, which doesn't read it{note}",
                f"Remove it, or choose another driver ({', '.join(readers)})",
                "warning" if name == _EXPIRATION else "refused",
            )


def unused_hosts(group: Group) -> Traps:
    """Octavia passes ``jobboard_backend_hosts[0]`` to redis-py and to etcd3gw.

    Since 14.0 Sentinel gets all of them. The engine's own etcd board tries the next.
    """
    driver, (first, *others) = group.driver, group.hosts or ("",)
    of_engine = driver == ETCD and group.place is Place.ENGINE
    if not others or group.sentinel or of_engine or driver not in (REDIS, ETCD):
        return
    yield Trap(
        _HOSTS,
        f"names several hosts, but the {driver} driver uses the first only, "
        f"{first}; when it fails, {', '.join(others)} doesn't help",
        ONE_ADDRESS
        if driver == ETCD
        else "Set jobboard_redis_sentinel, or name one host",
        "warning" if driver == ETCD else "refused",
    )


def brackets(group: Group) -> Traps:
    """redis-py and etcd3gw take IPv6 addresses bare; kazoo gets ``host:port``."""
    driver, zookeeper = group.driver, group.driver == ZOOKEEPER
    for host in group.hosts:
        bare = host.removeprefix("[").removesuffix("]")
        right = f"[{bare}]" if zookeeper else bare
        if driver in DEFAULT_PORTS and ADDRESS_6.fullmatch(bare) and host != right:
            adds = "adds no brackets" if zookeeper else "adds brackets by itself"
            what = f"has the IPv6 address {host}, to which the {driver} driver {adds}"
            severity: Severity = "fatal" if zookeeper else "refused"
            yield Trap(_HOSTS, what, f"Write {right}", severity)


def loopback_hosts(group: Group) -> Traps:
    """The same name means a different server on each controller."""
    found = ", ".join(filter(LOOPBACK.fullmatch, group.hosts))
    if found and group.controllers > 1:
        what = f"names {found}, which is a different server on each controller"
        todo = "Write an address that all of them reach, unless they are one machine"
        yield Trap(_HOSTS, what, todo, "warning")


def port_of_another(group: Group) -> Traps:
    """``jobboard_backend_port`` has one default for all drivers (common/config.py)."""
    port, own = group.values.get(_PORT), group.default_port
    if own and port == DEFAULT_PORTS[REDIS] != own:
        kind = "Sentinel" if group.sentinel else group.driver
        yield Trap(
            _PORT,
            f"is {port}, the port of Redis and Octavia's default for every driver; "
            f"{kind} listens on {own} by default",
            f"Set it to {own}, unless {port} is intended",
            "warning",
        )


def short_expiration(group: Group) -> Traps:
    """If a claim ends during a step, a second worker begins the same flow."""
    seconds = group.values.get(_EXPIRATION)
    read = group.driver in BY_NAME[_EXPIRATION].drivers
    if read and isinstance(seconds, int) and seconds < SHORT_EXPIRATION:
        yield Trap(
            _EXPIRATION,
            f"is {seconds} s: a claim ends during a longer step, and a second worker "
            "begins the same flow",
            f"Set it to {SHORT_EXPIRATION}, as Octavia's own tests do",
            "warning",
        )


def kept_in_memory(group: Group) -> Traps:
    """``sqlite://`` is Octavia's default (common/config.py)."""
    name = "persistence_connection"
    if group.values.get(name) in ("sqlite://", "sqlite:///:memory:"):
        what = f"{IN_MEMORY}: Octavia's default, also if the option is misspelt"
        todo = "Set it in [task_flow]; otherwise no other worker can resume a flow"
        yield Trap(name, what, todo, "warning")


def database_tls(group: Group) -> Traps:
    """Octavia's SQLAlchemy and PyMySQL read the URL as those of this program."""
    name = "persistence_connection"
    yield from url_traps(name, arguments(str(group.values.get(name) or "")))


def sentinel_options_alone(group: Group) -> Traps:
    """taskflow reads them only with Sentinel (``jobs/backends/impl_redis.py``)."""
    alone = group.driver == REDIS and not group.sentinel
    for part in ("username", "password", "ssl_options"):
        name = f"jobboard_redis_sentinel_{part}"
        if alone and group.has(name):
            what = "is set, but jobboard_redis_sentinel is not"
            todo = "Set that to the name of the master set, or remove the option"
            yield Trap(name, what, todo)


def user_without_password(group: Group) -> Traps:
    """A user without a password protects nothing."""
    for side in ("jobboard_backend", "jobboard_redis_sentinel"):
        name, password = f"{side}_username", f"{side}_password"
        if group.driver == REDIS and group.has(name) and not group.has(password):
            todo = f"Set {password}, or remove the user name"
            yield Trap(name, "is set without a password", todo)


def etcd_api_path(group: Group) -> Traps:
    """etcd3gw puts it between port and command, unchanged."""
    name = "jobboard_etcd_api_path"
    path = group.values.get(name)
    if group.driver == ETCD and path is not None and not _API_PATH.fullmatch(path):
        what = f"is '{path}', which doesn't begin and end with a slash"
        yield Trap(name, what, "Write it as /v3/")


RULES: tuple[tuple[Callable[[Group], Traps], Place], ...] = (
    (namespace, CONFIGURATION),
    (long_namespace, Place.ENGINE),
    (unread, CONFIGURATION | Place.FILE),
    (unused_hosts, CONFIGURATION | Place.FILE | Place.CLIENT),
    (release_traps, Place.FILE),
    (brackets, CONFIGURATION | Place.FILE | Place.CLIENT),
    (loopback_hosts, CONFIGURATION | Place.FILE),
    (port_of_another, CONFIGURATION | Place.FILE),
    (short_expiration, Place.OCTAVIA | Place.FILE),
    (kept_in_memory, Place.FILE),
    (database_tls, Place.FILE),
    (sentinel_options_alone, CONFIGURATION),
    (user_without_password, CONFIGURATION),
    (etcd_api_path, CONFIGURATION),
    (task_flow_tls.missing_switch, CONFIGURATION | Place.FILE | Place.CLIENT),
    (task_flow_tls.false_switch, CONFIGURATION | Place.FILE),
    (task_flow_tls.key_without_certificate, CONFIGURATION),
    (task_flow_tls.certificate_without_key, CONFIGURATION | Place.FILE),
    (task_flow_tls.zookeeper_tls, Place.OCTAVIA | Place.FILE),
    (task_flow_tls.unverified, CONFIGURATION | Place.FILE),
)
"""Each rule, and the places to which it applies."""
