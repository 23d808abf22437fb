# SPDX-License-Identifier: Apache-2.0
"""Versions of Octavia and its libraries, by their metadata: none is imported.

Our own Python uses this module, too, for folders that it knows.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import re
import sys
from importlib import metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DISTRIBUTIONS = ("octavia", "taskflow", "oslo.config")


def installed(path: list[str] | None = None) -> dict[str, Any]:
    """``versions`` by distribution, None where it isn't installed.

    ``exact`` says whether Octavia's version tells which source it has: not where two
    versions are installed, nor where pip made an editable install.

    :param path: the folders to look in, instead of those of this Python.
    """
    found = {name: _first(name, path or sys.path) for name in _DISTRIBUTIONS}
    octavia = found["octavia"]
    return {
        "versions": {name: _version(ones) for name, ones in found.items()},
        "exact": len(octavia) == 1 and not _is_editable(octavia[0]),
    }


def _first(name: str, path: list[str]) -> list[Any]:
    """All in the first folder that has any: an import takes that folder's."""
    # Before 3.10 Python took oslo.config and oslo_config for two names.
    names = {name, name.replace(".", "_")}
    for folder in path:
        where = [metadata.distributions(name=one, path=[folder]) for one in names]
        found = [one for each in where for one in each]
        if found:
            return found
    return []


def _version(found: list[Any]) -> str | None:
    try:
        version: str | None = found[0].version if found else None
        return version
    except Exception:  # noqa: BLE001 - what half an installation left raises anything
        return None


def _is_editable(distribution: Any) -> bool:
    origin = distribution.read_text("direct_url.json") or ""
    return re.search(r'"editable"\s*:\s*true', origin) is not None
