# SPDX-License-Identifier: Apache-2.0
"""Masking of known secrets (promise P7), and of what a terminal obeys.

No message of this package has either. The masker is for texts of others: exceptions of
libraries, servers that quote the statement they refuse, and what stands in a database.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from amphv2_bootstrap.errors import BootstrapError

MASK = "***"
_SECRET = re.compile(r"pass|secret|token|credential|_key$", re.I)
_OPTION = re.compile(r"(?P<head>[\s#;]*(?P<name>[\w.-]+)[ \t]*[=:][ \t]*)(?P<value>.*)")
_LOGIN = re.compile(r"(://[^:@/\s]*):.*@")
_ARGUMENT = re.compile(r"(\w*(?:pass|secret|token)\w*[:=])[^,&\s]+", re.I)
# Masking shorter secrets would mask ordinary words.
_SHORTEST = 4


class Masker:
    """Replaces each of the secrets, in any of its usual spellings, by ``***``.

    Spellings: plain; percent-encoded, fully or as by SQLAlchemy, with capital or small
    digits; with ``$`` doubled for oslo.config; quoted for SQL, Python, JSON or ini
    files, once or twice. A secret that is cut off is not found: mask first, then cut.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(one for one in secrets if len(one) >= _SHORTEST)
        self._spellings = sorted(
            spelling for secret in self._secrets for spelling in _spellings(secret)
        )

    def plus(self, secrets: Iterable[str]) -> "Masker":
        """A masker that also knows these secrets."""
        more = self._secrets.union(secrets)
        return self if more == self._secrets else Masker(more)

    def text(self, text: str) -> str:
        """``text`` with each secret masked; overlapping secrets become one mask."""
        shown, end = [], 0
        for start, stop in sorted(self._found(text)):
            if start >= end:
                shown += [text[end:start], MASK]
            end = max(end, stop)
        return "".join((*shown, text[end:]))

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        for spelling in self._spellings:
            start = text.find(spelling)
            while start >= 0:
                yield start, start + len(spelling)
                start = text.find(spelling, start + 1)

    def value(self, value: Any) -> Any:
        """Mask the texts in lists and dicts; keys and other values stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


NOTHING_SECRET = Masker()
"""Masks nothing, for callers without secrets."""


def printable(value: Any) -> Any:
    """The value with a sign in place of each character that a terminal may obey.

    In the texts of lists and dicts, too. Line breaks and tabs stay.
    """
    if isinstance(value, str):
        return "".join(
            char if char.isprintable() or char in "\n\t" else "\ufffd" for char in value
        )
    if isinstance(value, list):
        return [printable(each) for each in value]
    if isinstance(value, dict):
        return {name: printable(each) for name, each in value.items()}
    return value


def passwords_in(url: str) -> set[str]:
    """All passwords in a URL, as texts to mask."""
    rest = url.partition("://")[2]
    place, _, query = rest.partition("?")
    # A password may have an unencoded question mark.
    found = {one.rpartition("@")[0].partition(":")[2] for one in (rest, place)}
    for argument in query.split("&"):
        name, _, text = argument.partition("=")
        if "pass" in name.lower():
            found |= {text, unquote_plus(text)}
    return (found | {unquote(text) for text in found}) - {""}


def without_secrets(line: str) -> str:
    """A line of an ini file without the secrets that its names tell.

    The value of an option or of an argument that is named like a secret, also in a
    comment, and passwords in URLs.
    """
    found = _OPTION.match(line)
    if found and names_secret(found["name"]) and found["value"].strip():
        return found["head"] + MASK + line[len(line.rstrip("\r\n")) :]
    return _ARGUMENT.sub(rf"\1{MASK}", _LOGIN.sub(rf"\1:{MASK}@", line))


def names_secret(option: str) -> bool:
    """Whether an option is named like a secret of OpenStack's services."""
    return bool(_SECRET.search(option))


def _spellings(secret: str) -> set[str]:
    found = _encoded(secret)
    found |= {one.replace("$", "$$") for one in found}
    for _ in range(2):  # a driver's error quotes a statement, and is quoted itself
        found |= {spelling for one in found for spelling in _quoted(one)}
    return found


def _encoded(secret: str) -> set[str]:
    encoded = {
        quote(secret, safe="", errors="surrogatepass"),
        quote(secret, errors="surrogatepass"),
        quote(secret, safe=" +", errors="surrogatepass"),  # SQLAlchemy 2
        quote_plus(secret, errors="surrogatepass"),
        re.sub("[:@/]", lambda found: quote(found[0], safe=""), secret),  # 1.4
    }
    small = {re.sub("%..", lambda found: found[0].lower(), one) for one in encoded}
    return {secret} | encoded | small


def _quoted(text: str) -> Iterator[str]:
    backslashed = text.replace("\\", "\\\\")
    yield text.replace("'", "''")
    yield backslashed
    yield backslashed.replace("'", "\\'")
    yield backslashed.replace('"', '\\"')
    yield backslashed.replace("'", "\\'").replace('"', '\\"')
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]
    yield repr(text.encode("utf-8", "surrogatepass"))[2:-1]


class MaskingFilter(logging.Filter):
    """Masks secrets in log records, their arguments and tracebacks included.

    Texts of errors of libraries, which may quote a secret that no masker knows, are
    left out of tracebacks, except at debug level.
    """

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self._masker = masker

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._masker.text(record.getMessage()), ()
        if record.exc_info:
            text = _traced(record.exc_info[1], record.levelno <= logging.DEBUG)
            record.exc_text = self._masker.text(text.rstrip())
            # oslo.log's formatter would format the exception again, unmasked.
            record.exc_info = None
        if record.stack_info:
            record.stack_info = self._masker.text(record.stack_info)
        return True


def _traced(error: BaseException | None, with_texts: bool) -> str:
    """The traceback of the error and of what led to it, which comes first."""
    if with_texts:
        return "".join(traceback.format_exception(error))
    parts = []
    while error is not None:
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{_named(error)}")
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)
    return "\n\nwhich led to:\n\n".join(reversed(parts))


def _named(error: BaseException) -> str:
    """Our own error's type and text; of another one only the type."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, BootstrapError) else name


class MaskingFormatter(logging.Formatter):
    """Masks another formatter's lines: oslo.log's adds the current exception."""

    def __init__(self, formatter: logging.Formatter, masker: Masker) -> None:
        super().__init__()
        self.formatter = formatter
        self._masker = masker

    def format(self, record: logging.LogRecord) -> str:
        text, error = self.formatter.format(record), sys.exc_info()[1]
        if error is not None and record.levelno > logging.DEBUG:
            text = text.replace(f"{type(error).__name__}: {error}", _named(error))
        return self._masker.text(text)
