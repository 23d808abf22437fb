# SPDX-License-Identifier: Apache-2.0
"""Runs ``octavia-db-manage upgrade_persistence`` with files that came with the request.

The request is that of :mod:`.canary`; only its sources and files are read.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import importlib
import sys
from typing import Any

from .options import arguments, received
from .reporting import request


def main() -> None:
    """Its output and exit code are those of octavia-db-manage."""
    sources = arguments(received(request()))
    sys.argv = ["octavia-db-manage", *sources, "upgrade_persistence"]
    program: Any = importlib.import_module("octavia.db.migration.cli")
    sys.exit(program.main())
