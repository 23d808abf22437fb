# SPDX-License-Identifier: Apache-2.0
"""Changes one line of a server's configuration and keeps every other byte."""

import re
from dataclasses import dataclass

from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import has_control_character


@dataclass(frozen=True, slots=True)
class Setting:
    """One wanted line.

    ``name`` and ``separator`` are regular expressions. A line that begins with a match
    of both makes the same setting.
    """

    name: str
    line: str
    separator: str = r"\s"

    def __post_init__(self) -> None:
        if has_control_character(self.line):
            raise PermanentError(
                f"write the setting {self.name}",
                why="its value has a line break or another control character",
                todo="Correct the value in amphv2-bootstrap.conf.",
            )


def with_setting(text: bytes, setting: Setting) -> bytes:
    """``text`` with the wanted line.

    It replaces the last line that makes the setting, since servers obey the last one.
    If there is none, it follows the commented example or ends the file.
    """
    lines = text.splitlines(keepends=True)
    line_end = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    wanted = setting.line.encode() + line_end
    name = f"{setting.name}(?:{setting.separator}|$)".encode()
    active = re.compile(rb"[ \t]*" + name, re.IGNORECASE)
    example = re.compile(rb"[ \t]*#[ \t]?" + name, re.IGNORECASE)
    found = [at for at, line in enumerate(lines) if active.match(line)]
    if found:
        if lines[found[-1]].strip() != wanted.strip():
            lines[found[-1]] = wanted
        return b"".join(lines)
    examples = [at for at, line in enumerate(lines) if example.match(line)]
    at = examples[-1] + 1 if examples else len(lines)
    if at and not lines[at - 1].endswith(b"\n"):
        lines[at - 1] += line_end
    lines.insert(at, wanted)
    return b"".join(lines)
