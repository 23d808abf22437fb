# SPDX-License-Identifier: Apache-2.0
"""Changes options in octavia.conf and keeps every other byte.

oslo.config's own parser finds the lines, so its grammar holds: keys and sections that
repeat (the last value wins), section names in any case, continuation lines, ``:`` or
``=``, quotes, any line end. The library ConfigUpdater can't replace this module: it
changes the first of repeated keys or sections, writes LF into files with CRLF, and has
configparser's grammar.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from oslo_config import iniparser

from amphv2_bootstrap.spec.masking import (
    MASK,
    Masker,
    names_secret,
    without_secrets,
)
from amphv2_bootstrap.spec.model import Value

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_QUOTES = ("'", '"')

Same = Callable[[str, str, str], bool]
"""Whether the texts of an option, the name of which comes first, mean the same."""


def _equal(_name: str, one: str, other: str) -> bool:
    return one == other


def set_options(
    text: bytes, section: str, options: Mapping[str, str], same: Same = _equal
) -> bytes:
    """The file's text with these options set; values come from :func:`render`.

    Replaces the value that oslo.config reads (the last one of a repeated key) with its
    continuation lines, unless it is the same. A missing option goes below its
    commented default, else to the end of the section, else into a new section at the
    end of the file. Safe to run twice.

    :param same: decides about values that are there, unquoted but not unescaped.
    :raises ValueError: oslo.config can't parse the file, or a name or value can't be
        written on one line. The message holds no text of the file or value.
    """
    content = _decode(text)
    for name, value in options.items():
        _check_writable(section, name, value)
        content = _set_option(content, section, name, value, same)
    return _encode(content)


def get_options(text: bytes, section: str) -> dict[str, str]:
    """The active options of a section, unquoted but not unescaped.

    :raises ValueError: oslo.config can't parse the file. The message holds no text of
        the file.
    """
    outline = _outline(_decode(text))
    return {
        found.name: found.value
        for found in outline.assignments
        if found.section == _normalized(section)
    }


def difference(before: bytes, after: bytes, path: str, masker: Masker) -> str:
    """A unified diff of two texts, with their secrets masked; see :func:`shown`.

    :raises ValueError: oslo.config can't parse one of them.
    """
    lines, wanted = (_LINE.findall(_decode(text)) for text in (before, after))
    old, new = (shown(text, masker) for text in (before, after))
    found = [f"--- {path}\n", f"+++ {path}\n"]
    matcher = difflib.SequenceMatcher(None, lines, wanted, autojunk=False)
    for hunk in matcher.get_grouped_opcodes(3):
        (_, i, _, j, _), (_, _, i_end, _, j_end) = hunk[0], hunk[-1]
        found.append(f"@@ -{_range(i, i_end)} +{_range(j, j_end)} @@\n")
        for tag, *place in hunk:
            found += _hunk_lines(
                tag, old[place[0] : place[1]], new[place[2] : place[3]]
            )
    return "".join(found)


def _range(start: int, end: int) -> str:
    return f"{start + (end > start)},{end - start}"


def _hunk_lines(tag: str, old: list[str], new: list[str]) -> Iterator[str]:
    marked = [(" ", line) for line in old] if tag == "equal" else []
    if tag != "equal":
        marked = [("-", line) for line in old] + [("+", line) for line in new]
    for mark, line in marked:
        yield mark + line
        if not _line_end(line):
            yield "\n\\ No newline at end of file\n"


def shown(text: bytes, masker: Masker) -> list[str]:
    """The lines of a text, with the secrets masked that ``masker`` or names tell.

    :raises ValueError: oslo.config can't parse it.
    """
    content = text.decode("utf-8", "backslashreplace")
    lines = [without_secrets(masker.text(line)) for line in _LINE.findall(content)]
    for found in _outline(content).assignments:
        if names_secret(found.name):
            for number in range(found.first + 1, found.end):
                lines[number] = f"    {MASK}{_line_end(lines[number])}"
    return lines


def render(value: Value) -> str:
    """The text from which oslo.config reads this value.

    Commas join lists, a dict is ``key:value,key:value``, ``$`` is doubled. Quotes
    protect outer spaces and quotes.

    :raises ValueError: oslo.config can't hold the value (a line break; in a list or
        dict also a comma, an empty item or outer spaces). The message doesn't hold the
        value.
    """
    text = _plain(value)
    if "\n" in text or "\r" in text:
        raise ValueError("the value holds a line break")
    # oslo.config reads "\$" like "$$", so "\$" must become "\\$".
    text = re.sub(r"(\\?)\$", lambda found: (found[1] * 2 or "$") + "$", text)
    stripped = text != text.strip()
    quoted = text.startswith(_QUOTES) and text[0] == text[-1]
    return f'"{text}"' if stripped or quoted else text


def _plain(value: Value) -> str:
    if isinstance(value, Mapping):
        return ",".join(
            f"{_item(key, ',:')}:{_item(entry, ',')}" for key, entry in value.items()
        )
    if isinstance(value, tuple):
        return ",".join(_item(entry, ",") for entry in value)
    return str(value)


def _item(text: str, forbidden: str) -> str:
    if not text or text != text.strip() or any(mark in text for mark in forbidden):
        marks = " or ".join(f"'{mark}'" for mark in forbidden)
        raise ValueError(
            f"an item of a list or dict is empty, has {marks}, or outer spaces"
        )
    return text


@dataclass(frozen=True, slots=True)
class _Assignment:
    """An option's value; its lines are ``first`` to ``end`` (exclusive)."""

    section: str
    name: str
    value: str
    first: int
    end: int


class _Outline(iniparser.BaseParser):
    """What oslo.config finds: assignments, comments and sections with their lines."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.assignments: list[_Assignment] = []
        self.comments: list[tuple[str, int, str]] = []
        self.sections: list[tuple[str, int]] = []
        # The added empty line ends the last assignment.
        self.parse([*lines, ""])

    @property
    def _here(self) -> int:
        return self.lineno - 1

    def new_section(self, section: str) -> None:
        self.sections.append((_normalized(section), self._here))

    def comment(self, comment: str) -> None:
        if self.sections:
            self.comments.append((self.sections[-1][0], self._here, comment))

    def assignment(self, key: str, value: list[str]) -> None:
        if not self.sections:
            raise iniparser.ParseError("no section before the first option", 0, "")
        section = self.sections[-1][0]
        first = self._here - len(value)
        self.assignments.append(
            _Assignment(section, key, "\n".join(value), first, self._here)
        )


def _outline(content: str) -> _Outline:
    try:
        return _Outline(_LINE.findall(content))
    except iniparser.ParseError as exc:
        # "from None": oslo.config's error quotes the line, which may hold a secret.
        where = f"line {exc.lineno}: " if exc.lineno else ""
        raise ValueError(f"{where}{exc.msg}") from None


def _set_option(content: str, section: str, name: str, value: str, same: Same) -> str:
    lines = _LINE.findall(content)
    outline = _outline(content)
    wanted = f"{name} = {value}".rstrip()
    found = _last_assignment(outline, section, name)
    if found is not None:
        if not same(name, found.value, _as_read(wanted)):
            last = lines[found.end - 1]
            lines[found.first : found.end] = [wanted + _line_end(last)]
        return "".join(lines)
    place = _place_for(lines, outline, section, name)
    if place is None:
        place = _append_section(lines, section)
    _insert_after(lines, place, wanted)
    return "".join(lines)


def _last_assignment(outline: _Outline, section: str, name: str) -> _Assignment | None:
    for found in reversed(outline.assignments):
        if found.section == _normalized(section) and found.name == name:
            return found
    return None


def _as_read(line: str) -> str:
    return _outline(f"[x]\n{line}\n").assignments[0].value


def _place_for(
    lines: list[str], outline: _Outline, section: str, name: str
) -> int | None:
    """The line behind which a new option belongs; None without such a section."""
    default = re.compile(rf"{re.escape(name)}\s*[=:]")
    for where, number, comment in reversed(outline.comments):
        if where == _normalized(section) and default.match(comment):
            return number
    ends = [len(lines), *(number for _, number in reversed(outline.sections))]
    for end, (where, start) in zip(ends, reversed(outline.sections), strict=False):
        if where == _normalized(section):
            return max(n for n in range(start, end) if lines[n].strip() or n == start)
    return None


def _append_section(lines: list[str], section: str) -> int:
    if lines and lines[-1].strip():
        _insert_after(lines, len(lines) - 1, "")
    if not lines:
        lines.append(f"[{section}]\n")
    else:
        _insert_after(lines, len(lines) - 1, f"[{section}]")
    return len(lines) - 1


def _insert_after(lines: list[str], number: int, text: str) -> None:
    """Insert a line behind line ``number``; add no line end to the file's end."""
    end = _line_end(lines[number])
    if not end:
        lines[number] += next(_line_ends(lines), "\n")
    lines.insert(number + 1, text + end)


def _line_ends(lines: list[str]) -> Iterator[str]:
    return (end for end in map(_line_end, lines) if end)


def _line_end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _check_writable(section: str, name: str, value: str) -> None:
    if not _NAME.fullmatch(section) or not _NAME.fullmatch(name):
        raise ValueError(f"[{section}] {name} is not a name of an option")
    if "\n" in value or "\r" in value:
        raise ValueError(f"the value of {name} holds a line break")


def _normalized(section: str) -> str:
    """The section's name as oslo.config compares it."""
    return section if section == "DEFAULT" else section.lower()


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
