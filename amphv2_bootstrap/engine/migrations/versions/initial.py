# SPDX-License-Identifier: Apache-2.0
"""The first tables: taskflow's three and the engine's own.

taskflow's own migrations are not used: killed in the middle they leave a schema
on MySQL that can't be upgraded any more. Making each missing table at once is
safe to repeat.
"""

from alembic import op

from amphv2_bootstrap.engine import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    schema.metadata.create_all(op.get_bind(), checkfirst=True)
