# SPDX-License-Identifier: Apache-2.0
"""Finds the packages of Octavia's Python on the disk, or else asks that Python.

The disk tells enough only of a virtual environment that sees no other packages.
"""

import ast
import contextlib
import contextvars
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.octavia import program_runner
from amphv2_bootstrap.adapters.octavia.programs import facts

_SETTING = re.compile(r"(?m)^\s*include-system-site-packages\s*=\s*(\w+)\s*$")
_MIGRATIONS = "taskflow/persistence/backends/sqlalchemy/alembic/versions/*.py"
_NUMBER = re.compile(
    r"(?m)^(revision|down_revision|branch_labels|depends_on)\b[^=\n]*=(.*)$"
)

_answers: contextvars.ContextVar[dict[str, dict[str, Any]] | None] = (
    contextvars.ContextVar("answers", default=None)
)


@contextlib.contextmanager
def asking_once() -> Iterator[None]:
    """Within, each Python is asked once what is installed in it.

    It may be in a container, where each question starts a process. Nothing that the
    block itself installs is seen in it.
    """
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def installed(python: str) -> dict[str, Any]:
    """See :func:`programs.facts.installed`, and :func:`asking_once`.

    :raises PermanentError: ``python`` can't be run, or isn't Python.
    """
    answers = _answers.get()
    if answers is None:
        return _look_up(python)
    if python not in answers:
        answers[python] = _look_up(python)
    return answers[python]


def _look_up(python: str) -> dict[str, Any]:
    folder = site_packages(python)
    found = facts.installed([str(folder)]) if folder else None
    if found and all(found["versions"].values()):
        return found
    return program_runner.ask(python, {"ask": "installed"})


def site_packages(python: str) -> Path | None:
    """The only folder in which this interpreter finds packages; None if unsure."""
    if {"PYTHONPATH", "PYTHONHOME"} & os.environ.keys() or not is_binary(python):
        return None
    # Not resolved: bin/python is a link out of the environment.
    root = Path(python).parent.parent
    try:
        found = _SETTING.findall((root / "pyvenv.cfg").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    folders = list(root.glob("lib/python*/site-packages"))
    if [value.lower() for value in found] != ["false"] or len(folders) != 1:
        return None
    return folders[0]


def last_change(python: str) -> int | None:
    """When a package was last installed or removed, in nanoseconds; None if unsure."""
    folder = site_packages(python)
    return folder.stat().st_mtime_ns if folder else None


def is_binary(python: str) -> bool:
    """Whether this is an interpreter; a script may start one in a container."""
    try:
        with Path(python).open("rb") as stream:
            return stream.read(4) == b"\x7fELF"
    except OSError:
        return False


def revisions(folder: Path) -> tuple[str, ...]:
    """The revisions of taskflow's persistence schema in ``folder``, in order.

    Empty if it has no migrations, or they aren't one plain chain.
    """
    files, after = list(folder.glob(_MIGRATIONS)), {}
    try:
        for file in files:
            revision, before = _numbers(file.read_text(encoding="utf-8"))
            after[before] = revision
    except (OSError, ValueError, SyntaxError):
        return ()
    chain: list[str] = []
    while (following := after.pop(chain[-1] if chain else None, None)) is not None:
        chain.append(following)
    return tuple(chain) if len(chain) == len(files) else ()


def _numbers(source: str) -> tuple[str, str | None]:
    """A migration's ``revision`` and ``down_revision``.

    :raises ValueError, SyntaxError: they aren't plain assignments of strings.
    """
    found = [(n, ast.literal_eval(v.strip())) for n, v in _NUMBER.findall(source)]
    match sorted((n, v) for n, v in found if v is not None or n == "down_revision"):
        case [("down_revision", str() | None as before), ("revision", str() as own)]:
            return own, before
    raise ValueError("no plain revision")
