# SPDX-License-Identifier: Apache-2.0
"""The kinds of jobs; additive.

Older versions list a read-only job among the others, and their conductors refuse its
flows.
"""

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage.migrations.compatibility import compatible_from
from amphv2_bootstrap.engine.storage.migrations.missing import add_missing

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Safe to run again, wherever an earlier run was killed."""
    add_missing("jobs", sa.Column("kind", sa.String(16), nullable=True))
    compatible_from("0008")
