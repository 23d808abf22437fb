# SPDX-License-Identifier: Apache-2.0
"""How many flows of a stage run at once, and the pause of a job.

Older versions can't read the state ``skipped``, and would release all flows of a stage
at once: they must not work with these tables.
"""

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage.migrations.compatibility import compatible_from
from amphv2_bootstrap.engine.storage.migrations.missing import add_missing

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Safe to run again, wherever an earlier run was killed."""
    add_missing("flow_runs", sa.Column("at_once", sa.Integer, nullable=True))
    add_missing("jobs", sa.Column("paused_at", sa.Double, nullable=True))
    add_missing("jobs", sa.Column("paused_by", sa.String(255), nullable=True))
    compatible_from(revision)
