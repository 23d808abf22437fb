# SPDX-License-Identifier: Apache-2.0
"""Alembic's entry: runs the revisions on the connection that it is given."""

from alembic import context

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.migrate import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
)
context.run_migrations()
