# SPDX-License-Identifier: Apache-2.0
"""Lists of hosts: each a name or an address, without port and without quotes."""

import re
from collections.abc import Sequence

from amphv2_bootstrap.conf.problems import Problems
from amphv2_bootstrap.spec.octavia_options import ZOOKEEPER

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_WITH_PORT = re.compile(r"(\[[^]]*\]|[^:]+):[0-9]+")
_ADDRESS_6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9]+)?")
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|\[?::1\]?")

Fault = tuple[str, str]
"""What is wrong, and what to do."""


def is_name(text: str) -> bool:
    """Whether this may be the name of a host."""
    return bool(_NAME.fullmatch(text))


def is_loopback(host: str | None) -> bool:
    """Whether every host means itself by this name or address."""
    return bool(host and _LOOPBACK.fullmatch(host))


def check_names(
    group: str, option: str, names: Sequence[str], problems: Problems
) -> None:
    """Check that the names are names, and none there twice."""
    for name in names:
        if not is_name(name):
            problems.add(
                group,
                option,
                "has an entry that isn't a host's name"
                if name
                else "has an empty entry",
                "Write names with commas between them, without quotes",
            )
    _check_unique(group, option, names, problems)


def check_hosts(
    group: str, driver: str, hosts: Sequence[str], problems: Problems
) -> None:
    """Check ``jobboard_backend_hosts`` as ``driver`` reads it."""
    option = "jobboard_backend_hosts"
    if not hosts:
        todo = "Name the hosts of the key-value backend, or of Sentinel"
        problems.add(group, option, "is not set", todo)
    _check_unique(group, option, hosts, problems)
    for host in hosts:
        fault = _fault(host, driver)
        if fault:
            problems.add(group, option, *fault)


def _check_unique(
    group: str, option: str, names: Sequence[str], problems: Problems
) -> None:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        problems.add(
            group, option, f"names {', '.join(twice)} more than once", "Name each once"
        )


def _fault(host: str, driver: str) -> Fault | None:
    if not host:
        return "has an empty entry", "Remove the comma that is too many"
    bare = host.removeprefix("[").removesuffix("]")
    if _ADDRESS_6.fullmatch(bare):
        return _fault_of_address_6(bare, host == f"[{bare}]", driver)
    if _WITH_PORT.fullmatch(host):
        return (
            f"has '{host}', a host with a port",
            "Write hosts only, and the port in jobboard_backend_port",
        )
    if not is_name(host):
        return (
            "has an entry that is neither a host name nor an address",
            "Write names or addresses with commas between them, without quotes",
        )
    return None


def _fault_of_address_6(bare: str, bracketed: bool, driver: str) -> Fault | None:
    if driver == ZOOKEEPER and not bracketed:
        return (
            f"has the IPv6 address {bare} without brackets, and the ZooKeeper driver "
            "adds none before the port",
            f"Write [{bare}]",
        )
    if driver != ZOOKEEPER and bracketed:
        return (
            f"has the IPv6 address [{bare}] in brackets, which the {driver} driver "
            "adds by itself",
            f"Write {bare}",
        )
    return None
