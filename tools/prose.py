#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reports the words of ``prose-words.toml`` in comments, strings and documents.

Arguments are files and folders of the repository; without arguments it reads all files.
Literals in backticks and literal blocks are not checked.
"""

import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

WORDS = Path(__file__).with_name("prose-words.toml")
SUFFIXES = {".cfg", ".md", ".py", ".rst", ".sample", ".sh", ".toml", ".txt", ".yaml"}

CODE = "."
"""Replaces each character of code; it ends a sentence."""
LITERAL = "_"
"""Replaces each character of a literal; it does not end a sentence."""

_PROSE_TOKENS = {
    tokenize.COMMENT,
    tokenize.STRING,
    getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING),  # Python 3.12
}
_BACKTICKS = re.compile(r"(`{1,3})[^`]+\1")
_PLACEHOLDERS = re.compile(r"\{[^{}]*\}")
_LITERAL_BLOCK = re.compile(
    r"^(?P<indent>[ ]*)(?:(?!\.\. )\S.*::|\.\. code-block::.*)\n"
    r"(?P<block>(?:\n|(?P=indent)[ ]+.*\n)*)",
    re.MULTILINE,
)
_COMMENT_MARKS = re.compile(r"^[ ]*#:?", re.MULTILINE)


def findings(text: str, words: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    """Line, word and replacement for each of ``words`` in ``text``, a :func:`prose`."""
    for pattern, replacement in words.items():
        spaced = pattern.replace(" ", r"\s+")
        for match in re.finditer(rf"(?i)\b(?:{spaced})\b", text):
            line = text.count("\n", 0, match.start()) + 1
            yield line, " ".join(match[0].split()), replacement


def prose(text: str, suffix: str) -> str:
    """The text with code and literals replaced, so that all positions stay."""
    if suffix == ".py":
        text = _comments_and_strings(text).replace('"', " ")
        text = _PLACEHOLDERS.sub(_literal, text)
    elif suffix == ".rst":
        text = _LITERAL_BLOCK.sub(_code_block, text)
    text = _COMMENT_MARKS.sub(lambda marks: " " * len(marks[0]), text)
    return _BACKTICKS.sub(_literal, text)


def _comments_and_strings(source: str) -> str:
    lines = source.splitlines(keepends=True)
    kept = [re.sub(r"\S", CODE, line) for line in lines]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _PROSE_TOKENS:
            (first, start), (last, end) = token.start, token.end
            for number in range(first, last + 1):
                line, blank = lines[number - 1], kept[number - 1]
                begin = start if number == first else 0
                stop = end if number == last else len(line)
                kept[number - 1] = blank[:begin] + line[begin:stop] + blank[stop:]
    return "".join(kept)


def _literal(match: re.Match[str]) -> str:
    return re.sub(r"\S", LITERAL, match[0])


def _code_block(match: re.Match[str]) -> str:
    before = match.start("block") - match.start()
    return match[0][:before] + re.sub(r"\S", CODE, match["block"])


def _files(arguments: list[str]) -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [
        name
        for name in done.stdout.split("\0")
        # git lists a deleted file until the deletion is staged.
        if Path(name).suffix in SUFFIXES and Path(name).is_file()
    ]


def main(arguments: list[str]) -> int:
    """Print the findings; the exit code is 1 if there are any."""
    settings = tomllib.loads(WORDS.read_text())
    code = 0
    for name in _files(arguments):
        path = Path(name)
        if any(fnmatch(name, pattern) for pattern in settings["exclude"]):
            continue
        text = prose(path.read_text(), path.suffix)
        for line, word, replacement in sorted(findings(text, settings["words"])):
            print(f"{name}:{line}: {word} -> {replacement}")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
