# SPDX-License-Identifier: Apache-2.0
"""Versions and schema revisions of Octavia's libraries, found without importing them.

A start of the program is to last less than a tenth of a second, so modules are
imported where they are used.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import importlib
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DISTRIBUTIONS = ("octavia", "taskflow", "oslo.config")
_MIGRATIONS = ("persistence", "backends", "sqlalchemy", "alembic")
_NUMBERS = ("revision", "down_revision", "branch_labels", "depends_on")
_VERSION = re.compile(r"(?mi)^Version:\s*(\S+)\s*$")


def versions() -> dict[str, str | None]:
    """Versions of what matters; None where the distribution isn't installed."""
    return {name: version(name) for name in _DISTRIBUTIONS}


def revisions(folder: str | None) -> list[str]:
    """The revisions of taskflow's schema in order; empty where they can't be told.

    :param folder: of :func:`migrations`.
    """
    found = revisions_from_source(folder) if folder else None
    return found or revisions_from_alembic(folder)


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
