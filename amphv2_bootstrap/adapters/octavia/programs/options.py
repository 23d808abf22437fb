# SPDX-License-Identifier: Apache-2.0
"""Octavia's options of ``[task_flow]``, and their values by the configuration.

Where the definitions are known, loading needs Octavia's Python no more: this module
is used by ours, too.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import glob
import importlib
import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator, Sequence
    from typing import Any

GROUP = "task_flow"
ALONE: dict[str, Any] = {
    "prog": "octavia-worker",
    "default_config_files": [],
    "default_config_dirs": [],
    "use_env": False,
}
"""Neither our environment nor our home counts: the services don't have them."""


def load(sources: list[str], conf: Any, options: list[Any]) -> dict[str, Any]:
    """Load these and nothing else."""
    from oslo_config import cfg

    try:
        conf(arguments(sources), project="octavia", **ALONE)
    except cfg.ConfigFileParseError as exc:
        return {"error": unparsable(exc, sources)}
    except (cfg.Error, OSError, ValueError) as exc:
        return {"error": f"it can't be loaded ({type(exc).__name__})"}
    values, invalid = {}, {}
    for option in options:
        try:
            values[option.dest] = getattr(conf[GROUP], option.dest)
        except (cfg.Error, ValueError) as exc:
            hidden = option.secret or isinstance(option, cfg.DictOpt)
            invalid[option.dest] = type(exc).__name__ if hidden else str(exc)
    defaults = {option.dest: option.default for option in options}
    return {"values": values, "defaults": defaults, "invalid": invalid}


def unparsable(error: Any, sources: list[str]) -> str:
    """Which file, and where; the error's own text quotes it, maybe a secret."""
    line = getattr(error.__context__, "lineno", None) or "unknown"
    which = "it" if error.config_file == sources[0] else error.config_file
    return f"{which} can't be parsed (line {line})"


def arguments(sources: list[str]) -> list[str]:
    """The command line that makes oslo.config load the sources in their order."""
    return [
        word
        for path in sources
        for word in ("--config-dir" if os.path.isdir(path) else "--config-file", path)
    ]


def files_of(sources: Sequence[str]) -> Iterator[str]:
    """The files, those within the folders too."""
    for path in sources:
        if os.path.isdir(path):
            yield from sorted(glob.glob(os.path.join(path, "*.conf")))
        else:
            yield path


def octavia_options(sources: list[str]) -> tuple[Any, list[Any]]:
    """Octavia's own definitions of the group's options, and where they are registered.

    Importing octavia.common.config takes about two seconds, nearly all of it for
    other groups. So this evaluates only this group's list from Octavia's source, in
    0.2 s. It imports the whole where a value :func:`refers` to another option, or
    where the list isn't a plain one.
    """
    from oslo_config import cfg

    options = None if refers(sources) else options_from_source()
    if options is None:
        module = importlib.import_module("octavia.common.config")
        return cfg.CONF, list(module.task_flow_opts)
    return registered(options), options


def registered(options: list[Any]) -> Any:
    """A configuration of these options alone."""
    from oslo_config import cfg

    conf = cfg.ConfigOpts()
    conf.register_opts(options, group=GROUP)
    return conf


def described(options: list[Any]) -> list[dict[str, Any]] | None:
    """The options as plain data, of which :func:`defined` makes them again.

    None where one of them has something that isn't told by that.
    """
    found = [_description(option) for option in options]
    try:
        again = defined(json.loads(json.dumps(found)))
    except (AttributeError, TypeError, ValueError):
        return None
    return found if all(map(_are_equal, again, options)) else None


def _are_equal(one: Any, other: Any) -> bool:
    # Some types of oslo.config call themselves equal in spite of other bounds.
    return bool(one == other) and vars(one.type) == vars(other.type)


def _description(option: Any) -> dict[str, Any]:
    bounds = {name: getattr(option.type, name, None) for name in ("min", "max")}
    choices = getattr(option.type, "choices", None)
    settings = {
        "default": option.default,
        "help": option.help,
        "secret": option.secret,
        "choices": list(choices.items()) if choices else None,
        **bounds,
    }
    told = {name: value for name, value in settings.items() if value is not None}
    return {"kind": type(option).__name__, "name": option.name, "settings": told}


def defined(descriptions: list[dict[str, Any]]) -> list[Any]:
    """The options that :func:`described` has described."""
    return [_defined(**each) for each in descriptions]


def _defined(kind: str, name: str, settings: dict[str, Any]) -> Any:
    from oslo_config import cfg

    if "choices" in settings:
        pairs = [tuple(pair) for pair in settings["choices"]]
        settings = {**settings, "choices": pairs}
    return getattr(cfg, kind)(name, **settings)


def options_from_source() -> list[Any] | None:
    """Evaluate the assignment of task_flow_opts; None where that isn't enough."""
    import ast
    from pathlib import Path

    try:
        constants = importlib.import_module("octavia.common.constants")
        cfg = importlib.import_module("oslo_config.cfg")
        source = Path(str(constants.__file__)).with_name("config.py")
        found = task_flow_assignment(source.read_text(encoding="utf-8"))
        if found is None:
            return None
        names = {"cfg": cfg, "constants": constants, "_": str}
        code = compile(ast.Expression(found), str(source), "eval")
        return list(eval(code, names))  # noqa: S307 - Octavia's own installed code
    except Exception:  # noqa: BLE001 - whatever it is, the import is the answer
        return None


def task_flow_assignment(source: str) -> ast.expr | None:
    """The list's expression, if it is assigned once and used to register only."""
    import ast

    uses, values = 0, []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == "task_flow_opts":
            uses += 1
        if isinstance(node, ast.Assign) and [
            getattr(target, "id", None) for target in node.targets
        ] == ["task_flow_opts"]:
            values.append(node.value)
    return values[0] if len(values) == 1 and uses == 2 else None


def refers(sources: list[str]) -> bool:
    """Whether a value in one of the files has a ``$`` that isn't an escaped one."""
    return any(map(_refers, files_of(sources)))


def _refers(config_file: str) -> bool:
    try:
        with open(config_file, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except OSError:
        return False  # loading it says why
    active = re.sub(r"(?m)^[#;].*$", "", text)
    return "$" in active.replace("\\$", "").replace("$$", "")
