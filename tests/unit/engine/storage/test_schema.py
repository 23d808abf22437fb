# SPDX-License-Identifier: Apache-2.0
"""The engine's tables."""

import re

from amphv2_bootstrap.engine.storage import migrate, schema
from tests import REPOSITORY


def test_the_page_lists_all_tables() -> None:
    """The page on the architecture has each table, and no other."""
    page = (REPOSITORY / "doc/source/architecture.rst").read_text()
    text = page.partition("\nTables\n======\n")[2].partition("\nVersions\n")[0]
    listed = re.findall(r"^``(\w+)``", text, re.MULTILINE)
    tables = [*schema.metadata.tables, migrate.VERSION_TABLE]
    assert sorted(listed) == sorted(tables)
