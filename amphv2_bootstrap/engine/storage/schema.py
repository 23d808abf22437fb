# SPDX-License-Identifier: Apache-2.0
"""The engine's tables: taskflow's three, and ours around them.

The database is the truth (promise P1): ``jobs`` and ``flow_runs`` say what must be
done, and a jobboard only dispatches it. Times are seconds since the epoch, by the
database's clock.
"""

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import taskflow_tables

metadata = sa.MetaData()

_JSON_TEXT = taskflow_tables.LONG_TEXT
_SECONDS: sa.Double[float] = sa.Double()
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _writes() -> sa.Column[int]:
    """Raised by each transaction that must see all former ones of the row.

    On Galera, only a row that really changes is compared with what other nodes write.
    """
    return sa.Column("writes", sa.BigInteger, nullable=False, server_default="0")


taskflow = taskflow_tables.tables(metadata)
logbooks, flowdetails, atomdetails = taskflow
sa.Index("ix_flowdetails_parent_uuid", flowdetails.c.parent_uuid)
sa.Index("ix_atomdetails_parent_uuid", atomdetails.c.parent_uuid)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("uuid", sa.String(36), primary_key=True),
    # Holds one fixed value while unfinished, NULL afterwards: its uniqueness
    # makes concurrent posts find each other. Of a read-only job, a value of its own.
    sa.Column("active", sa.String(16), unique=True, nullable=True),
    sa.Column("spec", _JSON_TEXT, nullable=False),
    sa.Column("spec_digest", sa.String(64), nullable=False),
    sa.Column("fingerprints", _JSON_TEXT, nullable=False),
    sa.Column("on_failure", sa.String(16), nullable=False),
    sa.Column("posted_by", sa.String(255), nullable=False),
    sa.Column("created_at", _SECONDS, nullable=False),
    sa.Column("finished_at", _SECONDS, nullable=True),
    # Of a finished job, and of one that a version before 0004 posted, NULL.
    sa.Column("seal", sa.String(64), nullable=True),
    # While no flow may begin: since when, and by whom.
    sa.Column("paused_at", _SECONDS, nullable=True),
    sa.Column("paused_by", sa.String(255), nullable=True),
    # Of a read-only job, such as a plan; otherwise NULL.
    sa.Column("kind", sa.String(16), nullable=True),
    _writes(),
)

flow_runs = sa.Table(
    "flow_runs",
    metadata,
    sa.Column("sequence", _KEY, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column(
        "job_uuid",
        sa.String(36),
        sa.ForeignKey("jobs.uuid", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("flow", sa.String(64), nullable=False),
    sa.Column("shape", sa.String(64), nullable=False),
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("host", sa.String(255), nullable=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=True),
    sa.Column("reverting", sa.Boolean, nullable=False, default=False),
    sa.Column("epoch", sa.Integer, nullable=False, default=0),
    sa.Column("owner", sa.String(255), nullable=True),
    sa.Column("book_uuid", sa.String(36), nullable=False),
    sa.Column("flow_detail_uuid", sa.String(36), nullable=False),
    sa.Column("created_at", _SECONDS, nullable=False),
    sa.Column("started_at", _SECONDS, nullable=True),
    sa.Column("finished_at", _SECONDS, nullable=True),
    # How many flows of the stage may be under way at once; NULL: all.
    sa.Column("at_once", sa.Integer, nullable=True),
    _writes(),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", _KEY, primary_key=True, autoincrement=True),
    sa.Column("job_uuid", sa.String(36), nullable=False, index=True),
    sa.Column("flow_run_uuid", sa.String(36), nullable=True),
    sa.Column("at", _SECONDS, nullable=False),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("atom", sa.String(255), nullable=True),
    sa.Column("message", sa.Text, nullable=True),
    sa.Column("seal", sa.String(64), nullable=True),
)

conductors = sa.Table(
    "conductors",
    metadata,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("started_at", _SECONDS, nullable=False),
    sa.Column("seen_at", _SECONDS, nullable=False),
    # Seconds between two signs of life; NULL in rows of version 0.1.0.
    sa.Column("heartbeat_seconds", _SECONDS, nullable=True),
    # Why it can't reach the jobboard; NULL while it can.
    sa.Column("board_error", sa.Text, nullable=True),
)

host_reports = sa.Table(
    "host_reports",
    metadata,
    sa.Column("host", sa.String(255), primary_key=True),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("clock_offset", _SECONDS, nullable=False),
    sa.Column("report", _JSON_TEXT, nullable=False),
    sa.Column("reported_at", _SECONDS, nullable=False),
)

# What the operator has said of a host, whether its conductor runs or not.
hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("host", sa.String(255), primary_key=True),
    # While its conductors claim nothing new: since when, and by whom.
    sa.Column("drained_at", _SECONDS, nullable=True),
    sa.Column("drained_by", sa.String(255), nullable=True),
    _writes(),
)

# Values that all hosts share; the first host that needs one chooses it.
constants = sa.Table(
    "constants",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.String(255), nullable=False),
)

board_entries = sa.Table(
    "board_entries",
    metadata,
    sa.Column("board", sa.String(64), primary_key=True),
    sa.Column("uuid", sa.String(36), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("body", _JSON_TEXT, nullable=False),
    sa.Column("owner", sa.String(255), nullable=True),
    sa.Column("expires_at", _SECONDS, nullable=True),
    sa.Column("modified_at", _SECONDS, nullable=False),
)

for _table in metadata.tables.values():
    # Whatever the server's default is: reasons and summaries may hold any text.
    _table.dialect_kwargs["mysql_charset"] = "utf8mb4"
    _table.dialect_kwargs["mysql_engine"] = "InnoDB"
