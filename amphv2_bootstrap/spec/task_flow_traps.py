# SPDX-License-Identifier: Apache-2.0
"""What in a working ``[task_flow]`` will break later, or isn't what it seems.

All functions take the group's values as Octavia has them, by option; one that
Octavia refused is absent. They give full sentences with what to do, and never an
error. What Octavia does with the values: its ``taskflow_jobboard_driver.py``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from amphv2_bootstrap.spec.octavia_options import (
    DEFAULT_PORTS,
    ETCD,
    REDIS,
    SENTINEL_PORT,
    ZOOKEEPER,
)

SHORT_EXPIRATION = 100
"""Seconds; Octavia's own tests take this, since 30 is less than a long step."""

_TRUE = ("1", "t", "true", "on", "y", "yes")  # oslo.utils' bool_from_string
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|\[?::1\]?")

Values = Mapping[str, Any]


def traps(values: Values, controllers: int = 1) -> tuple[str, ...]:
    """All of them.

    :param controllers: how many controllers have this configuration.
    """
    found = [
        *short_expiration(values),
        *etcd_tls(values),
        *sentinel_tls(values),
        *unused_hosts(values),
        *port_of_another(values),
        *unused_password(values),
        *kept_in_memory(values),
    ]
    if controllers > 1:
        found += loopback_hosts(values)
    return tuple(found)


def driver_of(values: Values) -> str:
    """``redis``, ``zookeeper`` or ``etcd``; empty where it isn't known."""
    return str(values.get("jobboard_backend_driver") or "").split("_")[0]


def short_expiration(values: Values) -> Iterator[str]:
    """A claim that ends within a step lets a second worker begin the same flow."""
    seconds = values.get("jobboard_expiration_time")
    if (
        driver_of(values) in (REDIS, ETCD)
        and isinstance(seconds, int)
        and seconds < SHORT_EXPIRATION
    ):
        yield (
            f"jobboard_expiration_time is {seconds} s: a step that takes longer loses "
            f"its claim, and a second worker does it too. Set it to {SHORT_EXPIRATION}."
        )


def etcd_tls(values: Values) -> Iterator[str]:
    """Octavia takes use_ssl for true whatever text is written, and needs it."""
    if driver_of(values) != ETCD:
        return
    option = "jobboard_etcd_ssl_options"
    switch = _of_dict(values, option, "use_ssl")
    if switch is None:
        yield (
            f"{option} lacks use_ssl, without which Octavia ends with a KeyError. "
            "Remove the option, or write use_ssl:True into it."
        )
    elif isinstance(switch, str) and not _is_true(switch):
        yield (
            f"{option} has use_ssl:{switch}, which to Octavia means https, as any "
            "text does. Remove the option to go without TLS."
        )


def sentinel_tls(values: Values) -> Iterator[str]:
    """Before it was mended, Octavia took every text of ssl for true here too."""
    option = "jobboard_redis_sentinel_ssl_options"
    if driver_of(values) != REDIS or not values.get("jobboard_redis_sentinel"):
        return
    switch = _of_dict(values, option, "ssl")
    if isinstance(switch, str) and not _is_true(switch):
        yield (
            f"{option} has ssl:{switch}, which some versions of Octavia take for TLS, "
            "as any text. Remove the option to go without TLS."
        )


def unused_hosts(values: Values) -> Iterator[str]:
    """Redis without Sentinel, and etcd, know but one host."""
    hosts = [str(host) for host in values.get("jobboard_backend_hosts") or ()]
    driver = driver_of(values)
    sentinel = driver == REDIS and values.get("jobboard_redis_sentinel")
    if len(hosts) < 2 or driver == ZOOKEEPER or sentinel:
        return
    names = ", ".join(hosts[1:])
    todo = "Use Sentinel" if driver == REDIS else "Name one address that moves"
    yield (
        f"Of jobboard_backend_hosts Octavia uses the first only, {hosts[0]}; when it "
        f"fails, {names} doesn't help. {todo}, or name one host."
    )


def port_of_another(values: Values) -> Iterator[str]:
    """Octavia's default port is that of Redis, whatever the driver."""
    driver, port = driver_of(values), values.get("jobboard_backend_port")
    kind, own = driver, DEFAULT_PORTS.get(driver)
    if driver == REDIS and values.get("jobboard_redis_sentinel"):
        kind, own = "Sentinel", SENTINEL_PORT
    if port == DEFAULT_PORTS[REDIS] and own not in (port, None):
        yield (
            f"jobboard_backend_port is {port}, the port of Redis and Octavia's "
            f"default for every driver; {kind} listens on {own} by default. Set it, "
            "if that is the port."
        )


def unused_password(values: Values) -> Iterator[str]:
    """The drivers of ZooKeeper and etcd send no password."""
    if driver_of(values) in (ZOOKEEPER, ETCD) and values.get(
        "jobboard_backend_password"
    ):
        yield (
            f"jobboard_backend_password is set, but the {driver_of(values)} driver "
            "doesn't send it: the backend isn't protected by it. Remove it, and "
            "protect the backend by TLS or a firewall."
        )


def kept_in_memory(values: Values) -> Iterator[str]:
    """Octavia's default: a database that is gone with the process."""
    if values.get("persistence_connection") in ("sqlite://", "sqlite:///:memory:"):
        yield (
            "persistence_connection is a database in memory, which is what Octavia "
            "takes when the option is missing or misspelt: no other worker can "
            "resume. Set it in [task_flow]."
        )


def loopback_hosts(values: Values) -> Iterator[str]:
    """Equal on all controllers, and yet another server on each."""
    hosts = [str(host) for host in values.get("jobboard_backend_hosts") or ()]
    found = [host for host in hosts if _LOOPBACK.fullmatch(host)]
    if found:
        yield (
            f"jobboard_backend_hosts names {', '.join(found)}, which is another "
            "server on each controller. Name it as all of them reach it, unless they "
            "are one machine."
        )


def _of_dict(values: Values, option: str, key: str) -> Any:
    """A dictionary option's entry; False where Octavia's default isn't replaced."""
    value = values.get(option)
    return value.get(key) if isinstance(value, Mapping) else False


def _is_true(text: str) -> bool:
    return text.strip().lower() in _TRUE
