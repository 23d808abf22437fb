# SPDX-License-Identifier: Apache-2.0
"""Collecting what is wrong, so that all of it is reported at once."""

from dataclasses import dataclass
from difflib import get_close_matches

from amphv2_bootstrap.errors import InvalidInputError


class Problems:
    """Problems and warnings, in the order in which they were found."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.warnings: list[str] = []
        self._unreadable: set[tuple[str, str]] = set()

    def add(self, group: str, option: str, what: str, todo: str) -> None:
        """Note a problem: what is wrong with the option, and what to do.

        Passed over where the option's value couldn't even be read: that has
        been said already, and its default says nothing about the operator.
        """
        if (group, option) not in self._unreadable:
            self._append(self.found, f"[{group}] {option} {what}. {todo}.")

    def unreadable(self, group: str, option: str, what: str, todo: str) -> None:
        """Note that the option has no value that could be checked further."""
        self.add(group, option, what, todo)
        self._unreadable.add((group, option))

    def of(self, group: str, option: str) -> "OptionProblems":
        """Where the problems of one option are noted."""
        return OptionProblems(self, group, option)

    def say(self, sentence: str) -> None:
        """Note a problem that isn't one of a single option."""
        self._append(self.found, sentence)

    def warn(self, group: str, option: str, what: str, todo: str) -> None:
        """Note what may be meant so, but should be known."""
        if (group, option) not in self._unreadable:
            self._append(self.warnings, f"[{group}] {option} {what}. {todo}.")

    def warn_of(self, sentence: str) -> None:
        """Note a warning that isn't of a single option."""
        self._append(self.warnings, sentence)

    def raise_if_any(self) -> None:
        """:raises InvalidInputError: with every problem found so far."""
        if self.found:
            raise InvalidInputError(self.found)

    @staticmethod
    def _append(sentences: list[str], sentence: str) -> None:
        if sentence not in sentences:
            sentences.append(sentence)


@dataclass(frozen=True, slots=True)
class OptionProblems:
    """One option; see :class:`Problems` for what is noted of it."""

    problems: Problems
    group: str
    option: str

    def add(self, what: str, todo: str) -> None:
        self.problems.add(self.group, self.option, what, todo)

    def warn(self, what: str, todo: str) -> None:
        self.problems.warn(self.group, self.option, what, todo)


def suggestion(word: str, known: list[str]) -> str:
    """The closest known word as a question in brackets, or nothing."""
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""
