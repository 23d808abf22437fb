# SPDX-License-Identifier: Apache-2.0
"""Today's names of jobs, flow runs and steps, and the conductors' intervals."""

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage.migrations.compatibility import compatible_from
from amphv2_bootstrap.engine.storage.migrations.missing import add_missing
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
    heartbeats = sa.Column("heartbeat_seconds", sa.Double, nullable=True)
    add_missing("conductors", heartbeats)
    compatible_from(revision)
