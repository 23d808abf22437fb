# SPDX-License-Identifier: Apache-2.0
"""Why a conductor can't reach the jobboard; additive."""

import sqlalchemy as sa
from alembic import op

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.migrations.compatibility import compatible_from

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Safe to run again, wherever an earlier run was killed."""
    table, column = schema.conductors, schema.conductors.c.board_error
    found = sa.inspect(op.get_bind()).get_columns(table.name)
    if column.name not in {one["name"] for one in found}:
        op.add_column(table.name, sa.Column(column.name, column.type, nullable=True))
    compatible_from("0003")
