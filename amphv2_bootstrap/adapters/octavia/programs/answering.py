# SPDX-License-Identifier: Apache-2.0
"""Questions to Octavia's own Python: its versions, its libraries, its options.

The request is a JSON object on stdin, the answer one on stdout: either what was
asked for or ``{"error": TEXT}``. Secrets go through these pipes only; an error's
text holds none.

    {"ask": "facts"}                           -> {"versions": {"octavia": "19.0.0"},
                                                   "revisions": [NAME, ...]}
    {"ask": "import", "modules": [NAME, ...]}  -> {"missing": null or TEXT}
    {"ask": "task_flow", "sources": [PATH, ...]} -> {"values": {}, "defaults": {},
                                                     "invalid": {NAME: TEXT},
                                                     "definitions": [] or null}

Sources are files, and folders whose ``*.conf`` count; the later wins. Every answer
has ``seen``, too: the paths on which it depends besides the sources, with time of
change and inode. A start is to last less than a tenth of a second, so modules are
imported where they are used.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import importlib
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def facts() -> dict[str, Any]:
    """See :mod:`.facts`."""
    from . import facts as found

    folder = found.migrations()
    return {
        "versions": found.versions(),
        "revisions": found.revisions(folder),
        "seen": seen([os.path.join(folder, "versions")] if folder else []),
    }


def missing(modules: list[str]) -> dict[str, Any]:
    """The reason why one of the modules can't be imported, or None."""
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as exc:  # noqa: BLE001 - a broken library raises anything
            return {"missing": f"{name}: {type(exc).__name__}: {exc}"}
    return {"missing": None, "seen": seen()}


def task_flow(sources: list[str]) -> dict[str, Any]:
    """See :mod:`.options`."""
    from . import options

    conf, definitions = options.octavia_options(sources)
    return {
        **options.load(sources, conf, definitions),
        "definitions": options.described(definitions),
        "seen": seen(),
    }


def seen(more: Iterable[str] = ()) -> dict[str, Any]:
    """What an answer depends on: where modules are found, and where they were."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = {os.path.dirname(file) for file in files if file}
    return {
        path: stamp(path)
        for path in sorted({*paths, *sys.path, *more, sys.executable} - {""})
    }


def stamp(path: str) -> list[int] | None:
    """Changes when an entry of the folder comes or goes; None where it isn't."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_ino]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request, as the head of this module lists them."""
    if request["ask"] == "facts":
        return facts()
    if request["ask"] == "import":
        return missing(request["modules"])
    return task_flow(request["sources"])


def main() -> None:
    """Answer the request on stdin; the exit code is always 0, errors are answers."""
    # Libraries may print; stdout is for the answer alone.
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        reply = answer(json.load(sys.stdin))
    except Exception as exc:  # noqa: BLE001 - the boundary of the process
        # Only errors of imports are known to quote nothing of the configuration.
        told = str(exc) if isinstance(exc, ImportError) else "unexpected error"
        reply = {"error": f"{type(exc).__name__}: {told}"}
    with os.fdopen(out, "w", encoding="utf-8") as stream:
        json.dump(reply, stream)
