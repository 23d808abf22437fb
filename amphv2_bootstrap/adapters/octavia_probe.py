# SPDX-License-Identifier: Apache-2.0
"""Questions to Octavia's own Python; run there as a program.

It imports nothing of this package, since that isn't installed there. The request
is a JSON object on stdin, the answer one on stdout: either what was asked for or
``{"error": TEXT}``. Secrets go through these pipes only; an error's text holds
none.

    {"ask": "versions"}                        -> {"octavia": "19.0.0", ...}
    {"ask": "import", "modules": [NAME, ...]}  -> {"missing": null or TEXT}
    {"ask": "task_flow", "config_file": PATH}  -> {"values": {}, "defaults": {},
                                                   "invalid": {NAME: TEXT}}
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import ast
import importlib
import json
import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

GROUP = "task_flow"


def versions() -> dict[str, Any]:
    """Version of each distribution, None where it isn't installed."""
    found: dict[str, Any] = {}
    for name in ("octavia", "taskflow", "oslo.config"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def missing(modules: list[str]) -> dict[str, Any]:
    """The reason why one of the modules can't be imported, or None."""
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as exc:  # noqa: BLE001 - a broken library raises anything
            return {"missing": f"{name}: {type(exc).__name__}: {exc}"}
    return {"missing": None}


def task_flow(config_file: str) -> dict[str, Any]:
    """The group's values as Octavia would load them, and Octavia's defaults."""
    whole = refers(config_file)
    found = load(config_file, *octavia_options(whole))
    if found.get("invalid") and not whole:
        # A file of a conf.d folder may refer to an option of another group.
        found = load(config_file, *octavia_options(True))
    return found


def load(
    config_file: str, conf: Any, options: list[Any], folders: bool = True
) -> dict[str, Any]:
    """Load the file as octavia-worker does: with its conf.d ``folders``.

    Our own environment is kept out: the services don't run in it.
    """
    from oslo_config import cfg

    settings: dict[str, Any] = {"project": "octavia", "prog": "octavia-worker"}
    if not folders:
        settings["default_config_dirs"] = []
    try:
        conf(["--config-file", config_file], use_env=False, **settings)
    except cfg.ConfigFileParseError as exc:
        line = getattr(exc.__context__, "lineno", None)
        return {"error": f"it can't be parsed (line {line or 'unknown'})"}
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


def octavia_options(whole: bool) -> tuple[Any, list[Any]]:
    """Octavia's own definitions of the group's options, and where they are registered.

    Importing octavia.common.config takes about two seconds, nearly all of it for
    other groups. So this evaluates only this group's list from Octavia's source, in
    0.2 s. It imports the ``whole`` where that is asked for (a value refers to
    another option), or where the list isn't a plain one.
    """
    from oslo_config import cfg

    options = None if whole else options_from_source()
    if options is None:
        module = importlib.import_module("octavia.common.config")
        return cfg.CONF, list(module.task_flow_opts)
    conf = cfg.ConfigOpts()
    conf.register_opts(options, group=GROUP)
    return conf, options


def options_from_source() -> list[Any] | None:
    """Evaluate the assignment of task_flow_opts; None where that isn't enough."""
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
    uses, values = 0, []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == "task_flow_opts":
            uses += 1
        if isinstance(node, ast.Assign) and [
            getattr(target, "id", None) for target in node.targets
        ] == ["task_flow_opts"]:
            values.append(node.value)
    return values[0] if len(values) == 1 and uses == 2 else None


def refers(config_file: str) -> bool:
    """Whether a value in the file has a ``$`` that isn't an escaped one."""
    try:
        text = Path(config_file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False  # loading it says why
    active = re.sub(r"(?m)^[#;].*$", "", text)
    return "$" in active.replace("\\$", "").replace("$$", "")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request, as the head of this module lists them."""
    if request["ask"] == "versions":
        return versions()
    if request["ask"] == "import":
        return missing(request["modules"])
    return task_flow(request["config_file"])


def main() -> None:
    """Answer the request on stdin; the exit code is always 0, errors are answers."""
    # This folder's modules would hide Octavia's libraries of the same names.
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != here]
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


if __name__ == "__main__":
    main()
