# SPDX-License-Identifier: Apache-2.0
"""Lines that fit the terminal."""

import os
import textwrap
from typing import TextIO


def columns_of(stream: TextIO) -> int | None:
    """How many columns the terminal has; None where the stream is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def fitted(text: str, columns: int | None) -> str:
    """The text with its lines broken between words, if there is a limit.

    What is continued is indented further. A word that is too long, such as a path,
    stays whole: operators copy it.
    """
    if columns is None:
        return text
    return "\n".join(_fitted(line, columns) for line in text.split("\n"))


def _fitted(line: str, columns: int) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        width=columns,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
