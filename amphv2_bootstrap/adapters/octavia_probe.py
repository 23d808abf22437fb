# SPDX-License-Identifier: Apache-2.0
"""Questions to Octavia's own Python; run there as a program.

It imports nothing of this package, since that isn't installed there. The request
is a JSON object on stdin, the answer one on stdout: either what was asked for or
``{"error": TEXT}``. Secrets go through these pipes only; an error's text holds
none.

    {"ask": "facts"}                           -> {"versions": {"octavia": "19.0.0"},
                                                   "revisions": [NAME, ...]}
    {"ask": "import", "modules": [NAME, ...]}  -> {"missing": null or TEXT}
    {"ask": "task_flow", "sources": [PATH, ...]} -> {"values": {}, "defaults": {},
                                                     "invalid": {NAME: TEXT}}

Sources are files, and folders whose ``*.conf`` count; the later wins.
The first two answers have ``seen``, too: the paths on which they depend, with time
of change and inode. A start is to last less than a tenth of a second, so modules
are imported where they are used.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import glob
import importlib
import json
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable, Iterator
    from typing import Any

GROUP = "task_flow"
_MIGRATIONS = ("persistence", "backends", "sqlalchemy", "alembic")
_NUMBERS = ("revision", "down_revision", "branch_labels", "depends_on")
_VERSION = re.compile(r"(?mi)^Version:\s*(\S+)\s*$")


def facts() -> dict[str, Any]:
    """Versions of what matters, and the revisions of taskflow's schema in order.

    A version is None where the distribution isn't installed; the revisions are
    empty where they can't be told.
    """
    names = ("octavia", "taskflow", "oslo.config")
    folder = migrations()
    found = revisions_from_source(folder) if folder else None
    return {
        "versions": {name: version(name) for name in names},
        "revisions": found or revisions_from_alembic(folder),
        "seen": seen([os.path.join(folder, "versions")] if folder else []),
    }


def version(name: str) -> str | None:
    """As importlib.metadata tells it, which takes ten times as long to import."""
    form = re.sub(r"[-_.]+", "[-_.]+", name)
    wanted = re.compile(rf"(?i)^{form}-[^-]+(?:-[^-]+)?\.(?:dist|egg)-info$")
    for folder in sys.path:
        try:
            found = [one for one in os.listdir(folder or ".") if wanted.match(one)]
        except OSError:
            continue
        if found:
            told = _told_version(os.path.join(folder, found[0]))
            if told and len(found) == 1:
                return told
            break
    return _version_by_metadata(name)


def _told_version(path: str) -> str | None:
    for file in (("METADATA",), ("PKG-INFO",), ()):
        try:
            with open(os.path.join(path, *file), encoding="utf-8") as stream:
                head = stream.read().partition("\n\n")[0]
        except (OSError, ValueError):
            continue
        told = _VERSION.search(head)
        return told[1] if told else None
    return None


def _version_by_metadata(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def migrations() -> str | None:
    """The folder of taskflow's migrations, found without importing taskflow."""
    from importlib import util

    spec = util.find_spec("taskflow")
    origin = spec.origin if spec else None
    return os.path.join(os.path.dirname(origin), *_MIGRATIONS) if origin else None


def revisions_from_source(folder: str) -> list[str] | None:
    """The chain of ``down_revision``, read; None where that isn't conclusive."""
    after: dict[Any, str] = {}
    place = os.path.join(folder, "versions")
    try:
        files = [one for one in os.listdir(place) if one.endswith(".py")]
        for file in files:
            with open(os.path.join(place, file), encoding="utf-8") as stream:
                revision, before = numbers(stream.read())
            after[before] = revision
    except (OSError, ValueError, SyntaxError, TypeError):
        return None
    chain: list[str] = []
    while (following := after.pop(chain[-1] if chain else None, None)) is not None:
        chain.append(following)
    return chain if len(chain) == len(files) else None


def numbers(source: str) -> tuple[str, str | None]:
    """A migration's ``revision`` and ``down_revision``.

    :raises ValueError: they aren't two plain assignments, or it is on a branch.
    """
    import ast

    found = [
        (target.id, ast.literal_eval(node.value))
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in _NUMBERS
    ]
    told = {name: value for name, value in found if value is not None}
    before = told.get("down_revision")
    if not {"revision"} <= set(told) <= {"revision", "down_revision"}:
        raise ValueError("no plain revision")
    if len(found) != len(dict(found)) or not isinstance(before, (str, type(None))):
        raise ValueError("more than one revision")
    return str(told["revision"]), before


def revisions_from_alembic(folder: str | None) -> list[str]:
    """What alembic itself says, in about half a second; empty where it can't."""
    try:
        config = importlib.import_module("alembic.config")
        script = importlib.import_module("alembic.script")
        settings = config.Config(os.path.join(str(folder), "alembic.ini"))
        walk = script.ScriptDirectory.from_config(settings).walk_revisions()
        return [one.revision for one in walk][::-1]
    except Exception:  # noqa: BLE001 - a broken library raises anything
        return []


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


def missing(modules: list[str]) -> dict[str, Any]:
    """The reason why one of the modules can't be imported, or None."""
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as exc:  # noqa: BLE001 - a broken library raises anything
            return {"missing": f"{name}: {type(exc).__name__}: {exc}"}
    return {"missing": None, "seen": seen()}


def task_flow(sources: list[str]) -> dict[str, Any]:
    """The group's values as Octavia would load them, and Octavia's defaults."""
    return load(sources, *octavia_options(any(map(refers, files_of(sources)))))


def load(sources: list[str], conf: Any, options: list[Any]) -> dict[str, Any]:
    """Load these and nothing else: neither our environment nor our home counts."""
    from oslo_config import cfg

    settings: dict[str, Any] = {"project": "octavia", "prog": "octavia-worker"}
    settings.update(default_config_files=[], default_config_dirs=[], use_env=False)
    try:
        conf(arguments(sources), **settings)
    except cfg.ConfigFileParseError as exc:
        line = getattr(exc.__context__, "lineno", None)
        which = "it" if exc.config_file == sources[0] else exc.config_file
        return {"error": f"{which} can't be parsed (line {line or 'unknown'})"}
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


def arguments(sources: list[str]) -> list[str]:
    """The command line that makes oslo.config load the sources in their order."""
    return [
        word
        for path in sources
        for word in ("--config-dir" if os.path.isdir(path) else "--config-file", path)
    ]


def files_of(sources: list[str]) -> Iterator[str]:
    """The files, those within the folders too."""
    for path in sources:
        if os.path.isdir(path):
            yield from sorted(glob.glob(os.path.join(path, "*.conf")))
        else:
            yield path


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


def refers(config_file: str) -> bool:
    """Whether a value in the file has a ``$`` that isn't an escaped one."""
    try:
        with open(config_file, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except OSError:
        return False  # loading it says why
    active = re.sub(r"(?m)^[#;].*$", "", text)
    return "$" in active.replace("\\$", "").replace("$$", "")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request, as the head of this module lists them."""
    if request["ask"] == "facts":
        return facts()
    if request["ask"] == "import":
        return missing(request["modules"])
    return task_flow(request["sources"])


def main() -> None:
    """Answer the request on stdin; the exit code is always 0, errors are answers."""
    # This folder's modules would hide Octavia's libraries of the same names.
    here = os.path.dirname(os.path.realpath(__file__))
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
