# SPDX-License-Identifier: Apache-2.0
"""The seals of jobs and of what steps note."""

import sqlalchemy as sa
from alembic import op

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.migrations.compatibility import compatible_from

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Additive; safe to run again, wherever an earlier run was killed."""
    for table in (schema.jobs, schema.events):
        found = sa.inspect(op.get_bind()).get_columns(table.name)
        if "seal" not in {one["name"] for one in found}:
            op.add_column(table.name, sa.Column("seal", sa.String(64), nullable=True))
    compatible_from("0003")
