# SPDX-License-Identifier: Apache-2.0
"""What each host says of itself, and what is chosen once for all hosts."""

from alembic import op

from amphv2_bootstrap.engine import schema

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    schema.metadata.create_all(
        op.get_bind(),
        tables=[schema.host_reports, schema.constants],
        checkfirst=True,
    )
