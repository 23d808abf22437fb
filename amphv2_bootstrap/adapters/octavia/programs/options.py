# SPDX-License-Identifier: Apache-2.0
"""Loads Octavia's ``[task_flow]`` group from its configuration.

Our own Python uses this module too, with options of our table.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import contextlib
import glob
import importlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

GROUP = "task_flow"
INSIDE = "container:"
"""Begins a source that only the container has."""
ALONE: dict[str, Any] = {
    "prog": "octavia-worker",
    "default_config_files": [],
    "default_config_dirs": [],
    "use_env": False,
}
"""Excludes our environment and home, which the services don't have."""


def load(
    sources: list[str], conf: Any, options: list[Any], group: str = GROUP
) -> dict[str, Any]:
    """``values``, ``defaults`` and ``invalid`` by option, and ``outside``.

    ``outside``: a value refers to an option that ``conf`` doesn't have. If the sources
    can't be loaded, the only key is ``error``, a text.
    """
    from oslo_config import cfg

    without_remote_sources(conf)
    try:
        conf(arguments(sources), project="octavia", **ALONE)
    except cfg.ConfigFileParseError as exc:
        return {"error": unparsable(exc, sources)}
    except (cfg.Error, OSError, ValueError) as exc:
        return {"error": f"it can't be loaded ({type(exc).__name__})"}
    values, invalid, outside = {}, {}, False
    for option in options:
        try:
            values[option.dest] = getattr(conf[group], option.dest)
        except (cfg.Error, ValueError) as exc:
            hidden = option.secret or isinstance(option, cfg.DictOpt)
            invalid[option.dest] = type(exc).__name__ if hidden else str(exc)
            outside |= isinstance(exc, (cfg.NoSuchOptError, cfg.NoSuchGroupError))
    return {
        "values": values,
        "defaults": {option.dest: option.default for option in options},
        "invalid": invalid,
        "outside": outside,
    }


def without_remote_sources(conf: Any) -> None:
    """Let root ignore config_source, whatever the files say.

    oslo.config would fetch options from a server of the file's choice, with a key of
    its choice, and read all that comes. Octavia's user may be able to write the file.
    """
    if os.geteuid() == 0:
        conf._load_alternative_sources = lambda: None


_NAMES: dict[str, str] = {}
"""The names of the files in memory, by path."""


def received(request: dict[str, Any]) -> list[str]:
    """The sources; where its text came with the request, a file in memory.

    A forked child has them, too.
    """
    files = request.get("files") or {}
    return [
        in_memory(path, files[path]) if path in files else _inside(path)
        for path in request["sources"]
    ]


def _inside(path: str) -> str:
    return path[len(INSIDE) :] if path.startswith(INSIDE) else path


def in_memory(name: str, text: str) -> str:
    """The path of a file of this process alone; ``name`` stands for it in messages."""
    handle = os.memfd_create("octavia.conf")
    with os.fdopen(os.dup(handle), "wb") as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))
    path = f"/proc/self/fd/{handle}"
    _NAMES[path] = name
    return path


def are_partly_inside(sources: Sequence[str]) -> bool:
    """Whether a container alone has one of the sources."""
    return any(path.startswith(INSIDE) for path in sources)


def files_there(paths: list[str]) -> dict[str, list[str]]:
    """Those of the paths that exist, each with the files if it is a folder."""
    return {path: list(files_of([path])) for path in paths if os.path.exists(path)}


def texts(paths: list[str]) -> dict[str, str]:
    """The texts of those of the paths that are files which can be read."""
    found = {}
    for path in filter(os.path.isfile, paths):
        with contextlib.suppress(OSError), open(path, "rb") as stream:
            found[path] = stream.read().decode("utf-8", "surrogateescape")
    return found


def unparsable(error: Any, sources: list[str]) -> str:
    """The file and the line; the error's own text may quote a secret."""
    line = getattr(error.__context__, "lineno", None) or "unknown"
    path = error.config_file
    which = "it" if path == sources[0] else _NAMES.get(path, path)
    return f"{which} can't be parsed (line {line})"


def arguments(sources: list[str]) -> list[str]:
    """The command line with which oslo.config loads the sources in order."""
    return [
        word
        for path in sources
        for word in ("--config-dir" if os.path.isdir(path) else "--config-file", path)
    ]


def files_of(sources: Sequence[str]) -> Iterator[str]:
    """The files, including those in folders, but none that only a container has."""
    for path in sources:
        if path.startswith(INSIDE):
            continue
        if os.path.isdir(path):
            yield from sorted(glob.glob(os.path.join(path, "*.conf")))
        else:
            yield path


def octavia_options(group: str = GROUP) -> tuple[Any, list[Any]]:
    """Octavia's own configuration and its options of the group; takes two seconds."""
    config = importlib.import_module("octavia.common.config")
    name = "api_opts" if group == "api_settings" else "task_flow_opts"
    return config.cfg.CONF, list(getattr(config, name))
