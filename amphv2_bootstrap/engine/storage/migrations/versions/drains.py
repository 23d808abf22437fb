# SPDX-License-Identifier: Apache-2.0
"""The hosts that the operator has drained.

Older versions work with these tables, but their conductors don't heed a drain.
"""

from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.migrations.compatibility import compatible_from
from amphv2_bootstrap.engine.storage.migrations.missing import make_missing

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Additive; safe to run again, wherever an earlier run was killed."""
    make_missing([schema.hosts])
    compatible_from("0008")
