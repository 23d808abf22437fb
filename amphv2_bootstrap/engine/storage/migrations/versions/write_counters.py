# SPDX-License-Identifier: Apache-2.0
"""Counters in the rows that transactions on several Galera nodes must compete for."""

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage.migrations.compatibility import compatible_from
from amphv2_bootstrap.engine.storage.migrations.missing import add_missing

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    """Safe to run again, wherever an earlier run was killed."""
    for table in ("jobs", "flow_runs"):
        counter = sa.Column("writes", sa.BigInteger, nullable=False, server_default="0")
        add_missing(table, counter)
    compatible_from("0003")
