# SPDX-License-Identifier: Apache-2.0
"""Applies a unified diff, to see that it says what was done."""

import re

_HUNK = re.compile(r"^@@ -(\d+),(\d+) \+\d+,\d+ @@\n", re.MULTILINE)
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


def patched(text: str, diff: str) -> str:
    """The text after the diff; each of the diff's former lines must be there."""
    old, made, position = _LINE.findall(text), "", 0
    _, *parts = _HUNK.split(diff)
    for start, count, body in zip(*(parts[i::3] for i in range(3)), strict=True):
        begin = int(start) - 1 if int(count) else int(start)
        made += "".join(old[position:begin])
        position = begin + int(count)
        assert _side(body, "-") == "".join(old[begin:position]), "of another text"
        made += _side(body, "+")
    return made + "".join(old[position:])


def _side(body: str, mark: str) -> str:
    """The lines of a hunk before (``-``) or after (``+``) the change."""
    found: list[str] = []
    is_ours = False
    for line in _LINE.findall(body):
        if line.startswith("\\"):
            found[-1:] = [found[-1][:-1]] if is_ours else found[-1:]
            continue
        is_ours = line[0] in (" ", mark)
        found += [line[1:]] if is_ours else []
    return "".join(found)
