# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of :mod:`programs` in Octavia's own Python."""

import base64
import contextlib
import functools
import json
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.host import commands
from amphv2_bootstrap.adapters.octavia import programs
from amphv2_bootstrap.adapters.octavia.interpreter import (
    arguments_of,
    carried,
    is_command,
)
from amphv2_bootstrap.errors import BootstrapError, PermanentError, TransientError
from amphv2_bootstrap.spec.masking import Masker, passwords_in

# Loads the folder as a package. Neither it nor its parent gets onto sys.path, where its
# modules would hide Octavia's libraries of the same names. Octavia's services lack what
# an operator's shell sets for the library requests, where it overrides the options.
_LAUNCH = """
import importlib, importlib.util, os, sys
for variable in list(os.environ):
    if variable.lower().endswith(("_proxy", "_ca_bundle")):
        del os.environ[variable]
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
# The same from a text, where the folder isn't there: in a container.
_LAUNCH_TEXT = """
import base64, importlib, importlib.abc, importlib.util, json, sys, zlib
texts, name = json.loads(zlib.decompress(base64.b64decode(sys.argv[1]))), sys.argv[2]
sys.path[:] = [entry for entry in sys.path if entry]
class Texts(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name in texts:
            package = name == "amphv2_programs"
            return importlib.util.spec_from_loader(name, self, is_package=package)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        code = compile(texts[module.__name__], module.__name__, "exec")
        exec(code, module.__dict__)
sys.meta_path.insert(0, Texts())
importlib.import_module("amphv2_programs." + name).main()
"""
Facts = Mapping[str, Any]

WRONG_PYTHON = "Check the [octavia] python option: it must be Octavia's interpreter."
_AWAY = (
    "Run this command by hand: the container must run, and the command must start "
    "Octavia's Python with stdin kept open (-i). It is [octavia] python, by default "
    "derived from db_manage_command."
)
UNLOADABLE = "Correct the file; Octavia's services can't start with it either."

_OLDEST_PYTHON = (3, 8)

_ANSWER_SECONDS = 120.0
_GRACE = 45.0
"""Seconds for a program's clean-up after its timeout."""

_LONGEST = 400
"""The longest text that is shown, in characters."""


@dataclass(frozen=True, slots=True)
class Cause:
    """An error or one of its causes: the full name of its type, and its text."""

    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a program reported, without secrets.

    ``links`` hold; ``broken`` is the link that doesn't, if any. ``chain`` has the error
    and its causes, ``left`` the names of what could not be removed.
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
    shown: Mapping[str, str] | None = None,
    started: commands.Started | None = None,
    user: str | None = None,
) -> Result:
    """Run a program on Octavia's configuration.

    :param sources: configuration files and folders of them; a later one overrides.
    :param timeout: seconds for its work; its clean-up gets more.
    :param masker: masks the texts; secrets in the sources are masked too.
    :param progress: called from a thread with a text every few seconds.
    :param now: seconds since the epoch; remains of runs that ended before are removed.
    :param shown: what earlier runs have shown, for the program.
    :param started: by :func:`start`; one that gives no answer is replaced.
    :param user: see :func:`start`.
    :raises PermanentError: ``python`` can't be run, or isn't Octavia's.
    :raises TransientError: the program did not end in time.
    :raises CancelledError: ``cancelled`` was set; the program has cleaned up.
    """
    now = time.time() if now is None else now
    asked = request(sources, timeout, now, carried(python, sources, user), shown)
    # One that was started before may have been killed since, with its container.
    for process in (started, None) if started else (None,):
        with _without_output(python):
            done = (process or start(python, name, user)).finish(
                timeout=timeout + _GRACE,
                cancelled=cancelled,
                stdin=asked,
                on_line=None if progress is None else _progress_of(progress, masker),
                grace=_GRACE,
            )
        result = _read(done.stdout, masker)
        if result.facts is not None or result.broken is not None:
            return result
    attempted = f"run the {name} in Octavia's Python"
    raise no_answer(attempted, python, done.returncode)


def start(python: str, name: str, user: str | None = None) -> commands.Started:
    """Start a program, which imports what it needs and waits for its request.

    :param user: runs it as that user, who opens the sources by their names; not for a
        Python in a container.
    :raises PermanentError: ``python`` can't be run.
    """
    argv = command(python, name, as_text=user is not None)
    return commands.start(argv, user=user)


@contextlib.contextmanager
def _without_output(python: str) -> Iterator[None]:
    """Omits the output of a program that takes too long: it may hold secrets."""
    try:
        yield
    except TransientError as exc:
        todo = "Run it again."
        raise TransientError(exc.attempted, on=python, why=exc.why, todo=todo) from None


def ask(python: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of :mod:`programs.answering`; it may hold secrets.

    :raises PermanentError: ``python`` can't be run or isn't Octavia's; or the answer is
        an error that doesn't concern the files.
    :raises TransientError: it takes too long.
    """
    start = command(python, "answering")
    stdin = line(request)
    with _without_output(python):
        done = commands.run(start, timeout=_ANSWER_SECONDS, stdin=stdin, grace=_GRACE)
    answer, attempted = json_object(done.stdout), "ask Octavia's Python"
    if not answer:
        raise no_answer(attempted, python, done.returncode)
    if request["ask"] != "options" and "error" in answer:
        raise PermanentError(
            attempted, on=python, why=answer["error"], todo=WRONG_PYTHON
        )
    return answer


def no_answer(attempted: str, python: str, returncode: int) -> PermanentError:
    """The error for output that isn't a program's; it may hold secrets.

    Asks for Python's version, since an old one can't even read the programs.
    """
    version = _version(python)
    if version and tuple(map(int, version.split("."))) < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        why = f"it is Python {version}, but what runs in it needs {oldest}"
        todo = f"Run Octavia with Python {oldest} or later on this host."
        return PermanentError(attempted, on=python, why=why, todo=todo)
    why = f"it ended with {returncode} and without an answer"
    todo = _AWAY if is_command(python) else WRONG_PYTHON
    return PermanentError(attempted, on=python, why=why, todo=todo)


def _version(python: str) -> str:
    """Such as 3.11; empty if it isn't known."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = commands.run(
            (*arguments_of(python), "-c", ask), timeout=_GRACE
        ).stdout.strip()
    except BootstrapError:
        return ""
    return answer if re.fullmatch(r"\d+\.\d+", answer) else ""


def command(python: str, name: str, *, as_text: bool = False) -> tuple[str, ...]:
    """The arguments that start a program, which then reads its :func:`request`.

    :param as_text: for a user who may be unable to read this package.
    """
    start = arguments_of(python)
    if as_text or is_command(python):
        return (*start, "-c", _LAUNCH_TEXT, _texts(), name)
    return (*start, "-c", _LAUNCH, str(Path(programs.__file__).parent), name)


@functools.cache
def _texts() -> str:
    """All programs as one argument; they hold no secret."""
    texts = {
        f"amphv2_programs.{path.stem}".removesuffix(".__init__"): path.read_text(
            "utf-8"
        )
        for path in Path(programs.__file__).parent.glob("*.py")
    }
    return base64.b64encode(zlib.compress(json.dumps(texts).encode(), 9)).decode()


def request(
    sources: Sequence[str],
    timeout: float,
    now: float,
    files: Mapping[str, str] | None = None,
    shown: Mapping[str, str] | None = None,
) -> str:
    """The :func:`line` for a program; see :func:`run` for the parameters.

    :param files: see :func:`.interpreter.carried`.
    """
    asked = {"sources": list(sources), "timeout": timeout, "now": now}
    return line({**asked, "files": dict(files or {}), "shown": dict(shown or {})})


def line(request: Mapping[str, Any]) -> str:
    """A request as the programs read it; their stdin must stay open after it."""
    return json.dumps(request) + "\n"


def _progress_of(
    progress: Callable[[str], None], masker: Masker
) -> Callable[[str], None]:
    def on_line(line: str) -> None:
        nonlocal masker
        found = json_object(line)
        masker = _knowing(masker, [found])
        if "progress" in found:
            progress(masker.text(str(found["progress"])))

    return on_line


def _knowing(masker: Masker, lines: Iterable[Mapping[str, Any]]) -> Masker:
    """The masker, with the secrets that the program found in the sources."""
    found = [value for line in lines for value in line.get("secrets", ())]
    return masker.plus(found).plus(one for url in found for one in passwords_in(url))


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in ``text``; empty if it holds none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(output: str, masker: Masker) -> Result:
    # Parse first, then mask: a secret may equal a key of the lines.
    lines = [json_object(line) for line in output.splitlines()]
    masker = _knowing(masker, lines)
    broken = next((line for line in lines if "broken" in line), {})
    left = next((line["left"] for line in lines if "left" in line), ())
    facts = next((line["facts"] for line in lines if "facts" in line), None)
    notes = [line["note"] for line in lines if "note" in line]
    return Result(
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
    """The text in one line, masked, then cut."""
    return " ".join(masker.text(text).split())[:_LONGEST]
