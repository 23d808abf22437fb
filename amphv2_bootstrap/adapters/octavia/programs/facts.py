# SPDX-License-Identifier: Apache-2.0
"""Reads versions of Octavia and its libraries from metadata, without importing them.

Our own Python uses this module too.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import re
import sys
from importlib import metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DISTRIBUTIONS = ("octavia", "taskflow", "oslo.config")
_CLIENTS = {"redis": "redis", "zookeeper": "kazoo", "etcd": "etcd3gw"}
_PROVIDERS = "octavia.api.drivers"


def installed(path: list[str] | None = None) -> dict[str, Any]:
    """``versions`` by distribution, None for one not installed; and what follows.

    ``kazoo``: its version, None if it isn't installed.

    ``exact``: the source is that of Octavia's version. It is False if two versions are
    installed, or pip made an editable install.

    ``place``: where Octavia's package is, None if it isn't installed.

    ``providers``: what implements each provider driver of Octavia's own, by name.

    :param path: the folders to search, by default those of this Python.
    """
    found = {name: _first(name, path or sys.path) for name in _DISTRIBUTIONS}
    octavia = found["octavia"]
    return {
        "versions": {name: _version(ones) for name, ones in found.items()},
        "kazoo": _version(_first("kazoo", path or sys.path)),
        "exact": not _is_doubtful(octavia),
        "place": str(octavia[0].locate_file("octavia")) if octavia else None,
        "providers": _providers(octavia),
    }


def ran_with(driver: str) -> dict[str, str]:
    """Of this Python: all that decides how a claim on a jobboard behaves.

    Empty if that isn't sure: an editable Octavia, a library without a version.

    :param driver: redis, zookeeper or etcd.
    """
    names = ("octavia", "taskflow", _CLIENTS[driver])
    found = {name: _first(name, sys.path) for name in names}
    versions = {name: _version(ones) for name, ones in found.items()}
    known = {name: version for name, version in versions.items() if version}
    if known != versions or any(map(_is_doubtful, found.values())):
        return {}
    python = ".".join(map(str, sys.version_info[:3]))
    return {**known, "driver": driver, "python": python}


def _first(name: str, path: list[str]) -> list[Any]:
    """The distributions of that name in the first folder with any, as for imports."""
    # Before 3.10, oslo.config and oslo_config were different names to Python.
    names = {name, name.replace(".", "_")}
    for folder in path:
        found = [
            distribution
            for each in names
            for distribution in metadata.distributions(name=each, path=[folder])
        ]
        if found:
            return found
    return []


def _version(found: list[Any]) -> str | None:
    try:
        version: str | None = found[0].version if found else None
        return version
    except Exception:  # noqa: BLE001 - a half-removed one raises anything
        return None


def _providers(found: list[Any]) -> dict[str, str]:
    try:
        points = found[0].entry_points if found else []
        return {each.name: each.value for each in points if each.group == _PROVIDERS}
    except Exception:  # noqa: BLE001 - a half-removed one raises anything
        return {}


def _is_doubtful(found: list[Any]) -> bool:
    return len(found) != 1 or _is_editable(found[0])


def _is_editable(distribution: Any) -> bool:
    origin = distribution.read_text("direct_url.json") or ""
    return re.search(r'"editable"\s*:\s*true', origin) is not None
