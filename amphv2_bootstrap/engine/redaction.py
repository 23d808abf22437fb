# SPDX-License-Identifier: Apache-2.0
"""The last line of defence of promise P7: known secrets never get out.

No code is meant to put a secret into a message. This catches what slips: a
foreign library's exception, a server that quotes the statement it refused.
"""

import logging
import traceback
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
# Shorter ones would mask ordinary words, and guard nothing.
_SHORTEST = 4


class Redactor:
    """Replaces each of the secrets, in any of its usual spellings, by ``***``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings: set[str] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                spellings |= _spellings(secret)
        self._spellings = sorted(spellings, key=len, reverse=True)

    def text(self, text: str) -> str:
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text

    def value(self, value: Any) -> Any:
        """The same through lists and dicts; other values stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        secret.replace("$", "$$"),
        secret.replace("\\", "\\\\").replace("'", "\\'"),
        secret.replace("'", "''"),
        repr(secret)[1:-1],
    }


class RedactingFilter(logging.Filter):
    """Masks secrets in log records, their arguments and tracebacks included."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self._redactor.text(record.getMessage())
        record.args = ()
        if record.exc_info:
            text = "".join(traceback.format_exception(*record.exc_info))
            record.exc_text = self._redactor.text(text.rstrip())
        return True
