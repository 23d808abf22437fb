# SPDX-License-Identifier: Apache-2.0
"""Collect all problems of a configuration, to report them at once."""

from dataclasses import dataclass
from difflib import get_close_matches

from amphv2_bootstrap.errors import InvalidInputError


class Problems:
    """Problems and warnings (full sentences), in the order in which they were found."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.warnings: list[str] = []
        self.unreadable: set[tuple[str, str]] = set()

    def of(self, group: str, option: str) -> "OptionProblems":
        """Where the problems of one option are noted."""
        return OptionProblems(self, group, option)

    def say(self, sentence: str) -> None:
        """Note a problem that concerns no single option."""
        _append(self.found, sentence)

    def warn(self, sentence: str) -> None:
        """Note a warning that concerns no single option."""
        _append(self.warnings, sentence)

    def raise_if_any(self) -> None:
        """:raises InvalidInputError: with every problem found so far."""
        if self.found:
            raise InvalidInputError(self.found)


@dataclass(frozen=True, slots=True)
class OptionProblems:
    """The problems of one option: what is wrong with it, and what to do.

    After :meth:`unreadable` the others note nothing: they see only the default.
    """

    problems: Problems
    group: str
    option: str

    def add(self, what: str, todo: str) -> None:
        """Note a problem."""
        self._note(self.problems.found, what, todo)

    def warn(self, what: str, todo: str) -> None:
        """Note what may be intended, but is often a mistake."""
        self._note(self.problems.warnings, what, todo)

    def unreadable(self, what: str, todo: str) -> None:
        """Note that the option has no value to check further."""
        self.add(what, todo)
        self.problems.unreadable.add((self.group, self.option))

    def has_single_dollar(self) -> None:
        """Note that oslo.config takes the value for a reference."""
        what = "has a single $, which refers to another option"
        self.unreadable(what, "Write $$ for each $ that belongs to the value")

    def _note(self, sentences: list[str], what: str, todo: str) -> None:
        if (self.group, self.option) not in self.problems.unreadable:
            _append(sentences, f"[{self.group}] {self.option} {what}. {todo}.")


def _append(sentences: list[str], sentence: str) -> None:
    if sentence not in sentences:
        sentences.append(sentence)


def suggestion(word: str, known: list[str]) -> str:
    """The closest known word as a question in brackets, or nothing."""
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""
