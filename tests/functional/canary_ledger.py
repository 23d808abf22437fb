# SPDX-License-Identifier: Apache-2.0
"""Telling the canary's own rows from all else in a server's log of statements."""

import re
from collections.abc import Iterable

_READS = re.compile(r"^\s*(SELECT|SHOW|SET\s|USE\b|COMMIT|ROLLBACK|PING|BEGIN)", re.I)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ROWS = re.compile(r"^\s*(INSERT INTO|UPDATE|DELETE FROM) (\w+)", re.I)
_TABLES = {"logbooks", "flowdetails", "atomdetails"}
_BEGIN = "INSERT INTO logbooks "
_NAME = "amphv2_canary_"


def foreign_writes(statements: Iterable[str]) -> list[str]:
    """The statements that write, but not on rows of a canary.

    A logbook whose name says so is the canary's, and so is what is inserted with
    the id of a row of its own.
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
