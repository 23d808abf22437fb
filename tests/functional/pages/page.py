# SPDX-License-Identifier: Apache-2.0
"""A page of doc/source: what its readers type, and what they see then."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests import REPOSITORY

_BLOCK = re.compile(r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)", re.MULTILINE)
_QUESTION = re.compile(r"(?P<question>>|.*(?:\]|them|password|any):) ?(?P<answer>.*)")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_VARYING = {
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "ID",
    r"\d+(\.\d+)+(:\d+)?": "NUMBER",
}


@dataclass(frozen=True)
class Typed:
    """A command with its answers, and what is shown: all, but where ``...`` is."""

    command: str
    shown: Sequence[str]

    def answers(self, secrets: Sequence[str]) -> list[tuple[str, str]]:
        """The questions with the answers that the page has, or the next secret."""
        hidden = iter(secrets)
        found = []
        for line in self.shown:
            asked = _QUESTION.match(line)
            if asked is None:
                continue
            beginning = " ".join(asked["question"].split()[:3])
            is_hidden = beginning.startswith("Its password")
            found.append((beginning, next(hidden) if is_hidden else asked["answer"]))
        return found

    def missing(self, output: str) -> list[str]:
        """What the page shows and ``output`` has not, from the first such part on."""
        rest = _plain(output)
        for number, part in enumerate(self._parts()):
            found = rest.find(part)
            if found < 0:
                return self._parts()[number:]
            rest = rest[found + len(part) :]
        return []

    def _parts(self) -> list[str]:
        # What follows a prompt is typed, whatever the prompt looks like.
        text = "\n".join(line for line in self.shown if not line.startswith("> "))
        return [found for each in text.split("...") if (found := _plain(each))]


def _plain(text: str) -> str:
    """The text without line breaks, colours, and what differs between two runs."""
    text = _ESCAPES.sub("", text)
    for pattern, name in _VARYING.items():
        text = re.sub(pattern, name, text)
    return " ".join(text.split())


def typed(page: str) -> Iterator[Typed]:
    """What the page has its reader type, in order."""
    text = (REPOSITORY / f"doc/source/{page}.rst").read_text()
    for block in _BLOCK.findall(text):
        lines = [line[3:] for line in block.splitlines()]
        starts = [n for n, line in enumerate(lines) if line.startswith("# ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield Typed(lines[start][2:], [*filter(None, lines[start + 1 : end])])
