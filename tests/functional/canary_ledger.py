# SPDX-License-Identifier: Apache-2.0
"""Finds writes that are not the canary's in a server's log of statements."""

import re
from collections.abc import Iterable

_READS = re.compile(r"^\s*(SELECT|SHOW|SET\s|USE\b|COMMIT|ROLLBACK|PING|BEGIN)", re.I)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ROWS = re.compile(r"^\s*(INSERT INTO|UPDATE|DELETE FROM) (\w+)", re.I)
_TABLES = {"logbooks", "flowdetails", "atomdetails"}
_BEGIN = "INSERT INTO logbooks "
_NAME = "amphv2_canary_"


def foreign_writes(statements: Iterable[str]) -> list[str]:
    """The statements that write to rows which are not a canary's.

    A logbook is a canary's by its name, any other row by the id of a row of the canary.
    """
    known: set[str] = set()
    found = []
    for text in statements:
        if _READS.match(text):
            continue
        ids = set(_UUID.findall(text))
        rows = _ROWS.match(text)
        begins = text.startswith(_BEGIN) and _NAME in text
        if rows and rows[2] in _TABLES and (begins or ids & known):
            known |= ids if rows[1].upper() == "INSERT INTO" else set()
        else:
            found.append(text)
    return found
