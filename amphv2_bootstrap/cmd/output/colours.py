# SPDX-License-Identifier: Apache-2.0
"""States in colour, on a terminal that has colours and where NO_COLOR is not set."""

from typing import TextIO

from rich.console import Console
from rich.highlighter import RegexHighlighter

_WORDS = {
    "green": "done",
    "yellow": "waiting|ready|running|undoing",
    "red": "parked|reverted|cancelled|FAILED|UNDO FAILED",
}


class _States(RegexHighlighter):
    """Finds the state of a job, a flow or a step at the beginning of its line."""

    highlights = [
        rf"(?m)^(?:\S.*: +|  [a-z-]+ {{2,}})(?P<{colour}>{words})(?= |$)"
        for colour, words in _WORDS.items()
    ]


def console(stream: TextIO) -> Console:
    """Writes to the stream; it changes nothing of a text but the states' colours.

    For that, print with ``soft_wrap``.
    """
    return Console(file=stream, highlighter=_States(), markup=False, emoji=False)
