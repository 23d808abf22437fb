# SPDX-License-Identifier: Apache-2.0
"""Running the programs of :mod:`programs` by Octavia's own Python."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia import programs
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec.masking import Masker, passwords_in

# The folder becomes a package of its own name: neither it nor its parent gets onto
# sys.path, where its modules would hide Octavia's libraries of the same names.
_LAUNCH = """
import importlib, importlib.util, sys
folder, name = sys.argv[1:]
sys.path[:] = [entry for entry in sys.path if entry]
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location(
    "amphv2_programs", folder + "/__init__.py", submodule_search_locations=[folder])
sys.modules["amphv2_programs"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
program = importlib.import_module("amphv2_programs." + name)
sys.dont_write_bytecode = False
program.main()
"""
Facts = Mapping[str, Any]

_GRACE = 45.0
"""Seconds for the program's own cleanup, after its own time is over."""

_LONGEST = 400
"""Characters that are kept of one text of a program."""


@dataclass(frozen=True, slots=True)
class Cause:
    """An error there, or what caused it: its type's full name, and its words."""

    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a program told, without secrets.

    ``links`` are those that hold. ``broken`` is the one that doesn't, None where
    all hold; ``chain`` says why, and ``left`` what could not be cleaned up.
    """

    links: tuple[str, ...] = ()
    facts: Facts | None = None
    notes: tuple[str, ...] = ()
    broken: str | None = None
    chain: tuple[Cause, ...] = ()
    left: tuple[str, ...] = ()


def run(
    python: str,
    name: str,
    sources: Sequence[str],
    *,
    timeout: float,
    masker: Masker,
    cancelled: threading.Event | None = None,
    progress: Callable[[str], None] | None = None,
    now: float | None = None,
) -> Told:
    """Run a program on Octavia's configuration.

    :param sources: configuration files, and folders of such; the later wins.
    :param timeout: seconds for its work; its cleanup gets some more.
    :param masker: masks its texts; the secrets in the sources are masked besides.
    :param progress: called with a text now and then, from another thread.
    :param now: the time since the epoch; remains of runs whose end was before it
        are removed.
    :raises PermanentError: ``python`` can't be run, or isn't Octavia's.
    :raises TransientError: it did not end, even after its cleanup's time.
    :raises CancelledError: ``cancelled`` was set; it has cleaned up.
    """
    now = time.time() if now is None else now
    try:
        done = commands.run(
            command(python, name),
            timeout=timeout + _GRACE,
            cancelled=cancelled,
            stdin=request(sources, timeout, now),
            on_line=None if progress is None else _progress_of(progress, masker),
            grace=_GRACE,
        )
    except TransientError as exc:
        # Its output isn't told: it is made for programs.
        raise TransientError(
            exc.attempted, on=python, why=exc.why, todo="Run it again."
        ) from None
    told = _read(done.stdout, masker)
    if told.facts is None and told.broken is None:
        # Nor is this output told: of a foreign program, it may hold secrets.
        raise PermanentError(
            f"run the {name} in Octavia's Python",
            on=python,
            why=f"it ended with {done.returncode} and without an answer",
            todo="Check the [octavia] python option: it must be Octavia's interpreter.",
        )
    return told


def command(python: str, name: str) -> tuple[str, ...]:
    """The arguments that start a program, which waits for its :func:`request`."""
    folder = str(Path(programs.__file__).parent)
    return (python, "-c", _LAUNCH, folder, name)


def request(sources: Sequence[str], timeout: float, now: float) -> str:
    """What a program reads on stdin; see :func:`run` for the parameters."""
    asked = {"sources": list(sources), "timeout": timeout, "now": now}
    return json.dumps(asked)


def _progress_of(
    progress: Callable[[str], None], masker: Masker
) -> Callable[[str], None]:
    def on_line(line: str) -> None:
        nonlocal masker
        found = _object(line)
        masker = _knowing(masker, [found])
        if "progress" in found:
            progress(masker.text(str(found["progress"])))

    return on_line


def _knowing(masker: Masker, lines: Iterable[Mapping[str, Any]]) -> Masker:
    """The masker, with the secrets that the program found in the sources."""
    found = [value for line in lines for value in line.get("secrets", ())]
    return masker.plus(found).plus(one for url in found for one in passwords_in(url))


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(output: str, masker: Masker) -> Told:
    # Read first, then mask: a secret may be a word that the lines are made of.
    lines = [_object(line) for line in output.splitlines()]
    masker = _knowing(masker, lines)
    broken = next((line for line in lines if "broken" in line), {})
    left = next((line["left"] for line in lines if "left" in line), ())
    facts = next((line["facts"] for line in lines if "facts" in line), None)
    notes = [line["note"] for line in lines if "note" in line]
    return Told(
        links=tuple(line["link"] for line in lines if "link" in line),
        facts=None if broken else facts,
        notes=tuple(_shown(note, masker) for note in notes),
        broken=broken.get("broken"),
        chain=tuple(
            Cause(cause["type"], _shown(cause["text"], masker))
            for cause in broken.get("chain", ())
        ),
        left=tuple(_shown(name, masker) for name in left),
    )


def _shown(text: str, masker: Masker) -> str:
    """In one line, masked before it is cut."""
    return " ".join(masker.text(text).split())[:_LONGEST]
