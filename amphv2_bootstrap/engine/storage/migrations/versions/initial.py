# SPDX-License-Identifier: Apache-2.0
"""The first tables: taskflow's three and the engine's own.

taskflow's own migrations are not used: on MySQL, one that is killed leaves a schema
that can't be upgraded any more. Creating what is missing is safe to repeat.
"""

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.migrations.missing import make_missing
from amphv2_bootstrap.engine.storage.migrations.renames import rename_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    rename_tables()  # an upgrade of 0.1.0 may have been killed here
    later = (schema.host_reports, schema.constants)
    tables = schema.metadata.sorted_tables
    make_missing([table for table in tables if table not in later])
