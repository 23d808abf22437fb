# SPDX-License-Identifier: Apache-2.0
"""The hosts' reports on themselves, and the values that all hosts share."""

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.migrations.missing import make_missing
from amphv2_bootstrap.engine.storage.migrations.renames import rename_tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    rename_tables()
    make_missing([schema.host_reports, schema.constants])
