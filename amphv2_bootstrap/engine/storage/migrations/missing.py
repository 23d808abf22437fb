# SPDX-License-Identifier: Apache-2.0
"""Making tables so that a migration which was killed can be repeated.

MySQL commits each statement by itself, and a table's indexes have statements of
their own: a table may be there without them.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op


def make_missing(tables: Iterable[sa.Table]) -> None:
    """Make the tables, and of those that are there the indexes that aren't."""
    bind = op.get_bind()
    for table in tables:
        table.create(bind, checkfirst=True)
        for index in table.indexes:
            index.create(bind, checkfirst=True)
