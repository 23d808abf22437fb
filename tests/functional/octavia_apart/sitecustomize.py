# SPDX-License-Identifier: Apache-2.0
"""Gives each test cloud its own file for Octavia's no-op drivers.

The drivers write to one fixed path in /tmp, where two clouds would disturb each
other. Python runs this module at its start if PYTHONPATH names this folder.
"""

import os
import sqlite3
import sqlite3.dbapi2
from typing import Any

_FIXED = "/tmp/octavia-network-noop.db"
_connect = sqlite3.connect


def connect(database: Any, *arguments: Any, **options: Any) -> Any:
    """``sqlite3.connect``, but never to the fixed path."""
    if database == _FIXED:
        database = os.environ["OCTAVIA_NOOP_DATABASE"]
    return _connect(database, *arguments, **options)


sqlite3.connect = sqlite3.dbapi2.connect = connect
