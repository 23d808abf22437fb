# SPDX-License-Identifier: Apache-2.0
"""Signs of life of conductors that tests only pretend to run."""

import sqlalchemy as sa

from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.heartbeats import Heartbeats
from tests.servers.process import wait_until


def beat(database: Database, owner: ProcessIdentity) -> None:
    """A sign of life that is newer than all before: SQLite counts milliseconds."""
    before = _clock(database)
    wait_until(lambda: _clock(database) > before, what="the clock has moved on")
    Heartbeats(database, str(owner), 10.0).heartbeat(owner.host, owner.pid, "1.0")


def _clock(database: Database) -> float:
    with database.read() as connection:
        return float(connection.execute(sa.select(database.now)).scalar_one())
