# SPDX-License-Identifier: Apache-2.0
"""The errors that the package can report, found in its source, with what to do.

    messages.py               print each error that doesn't say what to do

``doc/source/conf.py`` makes the tables of messages.rst with it.
"""

import functools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.server_errors import key_value, mysql
from tools.message_source import Message, Source

PACKAGE = Path(__file__).parents[1] / "amphv2_bootstrap"
KINDS = {
    "permanent": "PermanentError",
    "transient": "TransientError",
    "refused": "RefusedError",
    "conflict": "ConflictError",
    "missing": "NotFoundError",
}
"""What a directive calls a branch of the tree; a message is of the innermost one."""
_NEED_NO_ADVICE = ("CancelledError", "InvalidInputError")
"""The flow goes on elsewhere; each problem of the input is a sentence with advice."""


source = functools.cache(Source)


@functools.cache
def found(package: Path = PACKAGE) -> tuple[Message, ...]:
    """All errors that the package raises, except those that need no advice."""
    is_a = source(package).is_a
    return tuple(
        each
        for each in source(package).messages()
        if not any(is_a(each.kinds[0], name) for name in _NEED_NO_ADVICE)
    )


def problems(package: Path = PACKAGE) -> list[str]:
    """The errors that may end without advice, each with its place."""
    return [f"{each.place}: {each.title}" for each in found(package) if each.is_silent]


def of_kind(kind: str) -> list[Message]:
    """The messages of one section, in the order of the alphabet."""
    is_a, branches = source(PACKAGE).is_a, list(KINDS.values())

    def belongs(each: str) -> bool:
        # The more general branches come first.
        fits = [branch for branch in branches if is_a(each, branch)]
        return fits[-1:] == [KINDS[kind]]

    chosen = [one for one in found() if any(map(belongs, one.kinds))]
    return sorted(chosen, key=lambda one: one.title.lower())


def table(rows: Iterable[tuple[str, str]], heads: tuple[str, str]) -> str:
    """A table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 50 50", ""]
    for left, right in (heads, *rows):
        lines += [f"   * - {left}", f"     - {right}"]
    return "\n".join(lines) + "\n"


def messages_table(kind: str) -> str:
    """What each message of a kind says, and what to do."""
    rows = dict.fromkeys((one.title, one.advice) for one in of_kind(kind))
    return table(rows, ("The message begins", "What to do"))


def servers_table(system: str) -> str:
    """What the answers of a server mean, in the order in which the rules are tried."""
    rows = _mysql_rows() if system == "mysql" else _key_value_rows(system)
    return table(rows, ("The server's answer", "What to do"))


def _mysql_rows() -> Iterator[tuple[str, str]]:
    for rule in mysql.RULES:
        words = f", with ``{rule.text.strip()}``" if rule.text else ""
        advice = rule.advice or mysql.ASK_ITS_LOG
        yield f"``[{rule.code}]``{words}", _todo(rule.is_transient, advice)


def _key_value_rows(system: str) -> Iterator[tuple[str, str]]:
    if system == "tls":
        for words, advice in tls.ADVICE:
            yield f"``{words}``", _todo(False, advice)
        return
    for rule in key_value.RULES[system]:
        yield f"``{rule.words}``", _todo(rule.is_transient, rule.advice)


def _todo(is_transient: bool, advice: str) -> str:
    escaped = advice.replace("*", r"\*").replace("_", r"\_")
    return f"Tried again. {escaped}" if is_transient else escaped


if __name__ == "__main__":
    sys.exit("\n".join(problems()) or 0)
