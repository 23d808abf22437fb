# SPDX-License-Identifier: Apache-2.0
"""Creates tables in a way that is safe to repeat after a migration was killed.

MySQL commits each statement by itself, and a table's indexes have statements of
their own: a table may exist without them.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op


def make_missing(tables: Iterable[sa.Table]) -> None:
    """Create those of the tables, and of their indexes, that don't exist."""
    bind = op.get_bind()
    for table in tables:
        table.create(bind, checkfirst=True)
        for index in table.indexes:
            index.create(bind, checkfirst=True)
