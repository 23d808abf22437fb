# SPDX-License-Identifier: Apache-2.0
"""What Octavia's Python answered before, as long as nothing there has changed.

An answer depends on the folders in which Python looks for modules, and on those
of the modules that were loaded to give it. Installing, upgrading or removing a
library changes one of them; a file edited in place is not noticed.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.octavia.programs.answering import stamp
from amphv2_bootstrap.errors import BootstrapError

_FILE = "octavia-python.json"
_SETTLED_SECONDS = 2
"""A folder changed within this time may change again without showing it."""


class Memory:
    """The remembered answers of one interpreter; without ``state_path``, none.

    It is only a memory: what can't be read or written is asked anew.
    """

    def __init__(self, python: str, state_path: str | None) -> None:
        self._path = str(Path(state_path) / _FILE) if state_path else None
        surroundings = {n: v for n, v in os.environ.items() if n.startswith("PYTHON")}
        self._of = [python, stamp(python), surroundings]

    def recall(self, question: str) -> dict[str, Any] | None:
        """The answer to the question, if it still holds."""
        known = self._read().get(question)
        if not isinstance(known, dict) or not _holds(known.get("seen")):
            return None
        return known

    def keep(self, question: str, answer: Mapping[str, Any], asked: float) -> None:
        """Remember an answer.

        It isn't kept where its folders changed while it was given, or aren't
        those of this host: the interpreter may be in a container.

        :param answer: with ``seen``, as ``answering`` tells it.
        :param asked: when it was asked, in seconds since the epoch.
        """
        seen = answer.get("seen")
        if self._path is None or not _holds(seen) or not _is_settled(seen, asked):
            return
        note = {"of": self._of, "answers": {**self._read(), question: answer}}
        with contextlib.suppress(BootstrapError):
            durable_file.write_private(self._path, json.dumps(note).encode())

    def _read(self) -> dict[str, Any]:
        try:
            note = json.loads(Path(self._path).read_bytes()) if self._path else None
        except (OSError, ValueError):
            return {}
        if not isinstance(note, dict) or note.get("of") != self._of:
            return {}
        answers = note.get("answers")
        return answers if isinstance(answers, dict) else {}


def _holds(seen: object) -> bool:
    return (
        isinstance(seen, dict)
        and any(seen.values())
        and all(stamp(path) == known for path, known in seen.items())
    )


def _is_settled(seen: Any, asked: float) -> bool:
    latest = max(known[0] for known in seen.values() if known)
    return bool(latest < (min(asked, time.time()) - _SETTLED_SECONDS) * 1e9)
