# SPDX-License-Identifier: Apache-2.0
"""Today's names of jobs, flow runs and steps, and the conductors' intervals."""

import sqlalchemy as sa
from alembic import op

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.migrations.compatibility import compatible_from
from amphv2_bootstrap.engine.storage.migrations.renames import (
    rename_rows,
    rename_tables,
)

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Safe to run again, wherever an earlier run was killed."""
    rename_tables()
    rename_rows()
    table, column = schema.conductors, schema.conductors.c.heartbeat_seconds
    found = sa.inspect(op.get_bind()).get_columns(table.name)
    if column.name not in {one["name"] for one in found}:
        op.add_column(table.name, sa.Column(column.name, column.type, nullable=True))
    compatible_from(revision)
