# SPDX-License-Identifier: Apache-2.0
"""What the tables say of the older versions that work with them."""

import sqlalchemy as sa
from alembic import op

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.migrate import COMPATIBLE_FROM


def compatible_from(revision: str) -> None:
    """Record that versions with the head ``revision``, or a newer one, can use them.

    Every migration calls this last. An additive one passes what the one before it
    passed: it adds only tables, and columns that may be NULL or have a default of the
    server. Any other one passes its own revision.
    """
    table = schema.constants
    op.execute(table.delete().where(table.c.name == COMPATIBLE_FROM))
    op.execute(sa.insert(table).values(name=COMPATIBLE_FROM, value=revision))
