# SPDX-License-Identifier: Apache-2.0
"""Creates tables and columns; safe to repeat after a migration was killed.

MySQL commits each statement by itself, and a table's indexes have statements of
their own: a table may exist without them.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op


def make_missing(tables: Iterable[sa.Table]) -> None:
    """Create those of the tables, and of their indexes, that don't exist."""
    bind = op.get_bind()
    for table in tables:
        table.create(bind, checkfirst=True)
        for index in table.indexes:
            index.create(bind, checkfirst=True)


def add_missing(table: str, column: sa.Column[Any]) -> None:
    """Add the column to the table, unless it is there."""
    found = sa.inspect(op.get_bind()).get_columns(table)
    if column.name not in {one["name"] for one in found}:
        op.add_column(table, column)
