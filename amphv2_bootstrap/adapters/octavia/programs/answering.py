# SPDX-License-Identifier: Apache-2.0
"""Answers questions about versions, libraries and options of Octavia's own Python.

The request is a JSON object, a line of stdin. The answer is a JSON object on stdout, or
``{"error": TEXT}`` without secrets. Answers may hold secrets.

    {"ask": "installed"}                       -> {"versions": {"octavia": "19.0.0"},
                                                   "exact": true}
    {"ask": "revisions"}                       -> {"revisions": [NAME, ...]}
    {"ask": "import", "modules": [NAME, ...]}  -> {"missing": null or TEXT}
    {"ask": "database", "url": URL}            -> {"chain": [{"type": .., "text": ..}]}
    {"ask": "files", "paths": [PATH, ...]}     -> {"files": {PATH: [PATH, ...]}}
    {"ask": "texts", "paths": [PATH, ...]}     -> {"texts": {PATH: TEXT}}
    {"ask": "options", "group": NAME, "sources": [PATH, ...]}
                                               -> {"values": {}, "defaults": {},
                                                   "invalid": {NAME: TEXT}}

Sources are files, and folders with ``*.conf`` files; a later one overrides. ``files``
has the texts of those that this Python can't open, by path. Imports are
local, so that "installed" takes 0.1 s.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import importlib
import json
import os

from . import reporting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONNECT_SECONDS = 10
_NOT_YET = (1044, 1045, 1049, 1698)
"""MariaDB's and MySQL's numbers for a login, or a database, that isn't there."""

_MIGRATIONS = ("persistence", "backends", "sqlalchemy", "alembic", "alembic.ini")


def installed() -> dict[str, Any]:
    """See :mod:`.facts`."""
    from . import facts

    return facts.installed()


def migrations() -> Any:
    """alembic's ``ScriptDirectory`` of taskflow; doesn't import taskflow."""
    from importlib import util

    taskflow: Any = util.find_spec("taskflow")
    config: Any = importlib.import_module("alembic.config")
    script: Any = importlib.import_module("alembic.script")
    folder = os.path.dirname(taskflow.origin)
    settings = config.Config(os.path.join(folder, *_MIGRATIONS))
    return script.ScriptDirectory.from_config(settings)


def revisions() -> list[str]:
    """The revisions of taskflow's schema in order; empty if alembic fails."""
    try:
        return [each.revision for each in migrations().walk_revisions()][::-1]
    except Exception:  # noqa: BLE001 - a broken library raises anything
        return []


def missing(modules: list[str]) -> dict[str, Any]:
    """The reason why one of the modules can't be imported, or None."""
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as exc:  # noqa: BLE001 - a broken library raises anything
            return {"missing": f"{name}: {type(exc).__name__}: {exc}"}
    return {"missing": None}


def database(url: str) -> dict[str, Any]:
    """The errors of a connection to a database, as taskflow makes it; none if it works.

    That an account or a database isn't there yet is no error.
    """
    from .reporting import Report

    try:
        sqlalchemy: Any = importlib.import_module("sqlalchemy")
        arguments = {"connect_timeout": _CONNECT_SECONDS}
        with sqlalchemy.create_engine(url, connect_args=arguments).connect():
            return {"chain": []}
    except Exception as exc:  # noqa: BLE001 - a broken library raises anything
        number = (getattr(getattr(exc, "orig", None), "args", None) or [None])[0]
        return {"chain": [] if number in _NOT_YET else Report(None).chain(exc)}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request; see the module's docstring."""
    from . import options

    if request["ask"] == "installed":
        return installed()
    if request["ask"] == "revisions":
        return {"revisions": revisions()}
    if request["ask"] == "import":
        return missing(request["modules"])
    if request["ask"] == "database":
        return database(request["url"])
    if request["ask"] == "files":
        return {"files": options.files_there(request["paths"])}
    if request["ask"] == "texts":
        return {"texts": options.texts(request["paths"])}
    group = request["group"]
    wanted = options.octavia_options(group)
    return options.load(options.received(request), *wanted, group)


def main() -> None:
    """Answer the request on stdin. Errors are answers too; the exit code is 0."""
    # Libraries may print: keep stdout for the answer.
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        reply = answer(reporting.request())
    except Exception as exc:  # noqa: BLE001 - the boundary of the process
        # Errors other than ImportError may quote the configuration.
        text = str(exc) if isinstance(exc, ImportError) else "unexpected error"
        reply = {"error": f"{type(exc).__name__}: {text}"}
    with os.fdopen(out, "w", encoding="utf-8") as stream:
        json.dump(reply, stream)
