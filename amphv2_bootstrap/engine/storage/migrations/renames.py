# SPDX-License-Identifier: Apache-2.0
"""Renames jobs, flow runs and steps from the words of version 0.1.0 to today's.

MySQL commits each statement by itself, so each first checks whether it is still
needed: the next upgrade finishes one that was killed anywhere.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from amphv2_bootstrap.engine.storage import schema

# In this order: "jobs" must be free before "bootstraps" gets the name.
_TABLES = (("jobs", "bootstrap_uuid", "flow_runs"), ("bootstraps", "uuid", "jobs"))
# Table, old name, new name, and a column that exists until this is done.
_COLUMNS = (
    ("flow_runs", "bootstrap_uuid", "job_uuid", "bootstrap_uuid"),
    ("flow_runs", "flow_uuid", "flow_detail_uuid", "flow_uuid"),
    ("events", "job_uuid", "flow_run_uuid", "bootstrap_uuid"),
    ("events", "bootstrap_uuid", "job_uuid", "bootstrap_uuid"),
    ("board_entries", "job_uuid", "uuid", "job_uuid"),
    ("board_entries", "posting", "body", "posting"),
)
_INDEXES = (
    ("flow_runs", "ix_jobs_bootstrap_uuid"),
    ("flow_runs", "ix_jobs_state"),
    ("events", "ix_events_bootstrap_uuid"),
)
# Name or digest in rows of 0.1.0, and today's. The digests are the shapes of the flow
# "bootstrap" and of "cloud".
_FLOW = ("bootstrap", "cloud")
_STEP = ("post-controller-jobs", "release-controllers")
_SHAPE = (
    "9e09d9aeda0d0fef70b3bf19e285a9a05da6dbbf18466d650448b0346edfd42f",
    "8476951bd324ba449c79e4748e81fddd3c53e62474506ec7c81a557f81811928",
)
_RESULT = ('{"outcome": ', '{"effect": ')


def rename_tables() -> None:
    """Rename tables, columns and indexes that still have their former names."""
    for old, column, new in _TABLES:
        if column in _columns(old) and new not in _tables():
            op.rename_table(old, new)
    for table, old, new, needed in _COLUMNS:
        columns = _columns(table)
        if {old, needed} <= columns and new not in columns:
            _rename_column(table, old, new)
    _rename_indexes()


def rename_rows() -> None:
    """Rename flows, steps and results within the rows; all tables must exist."""
    runs, details, atoms = schema.flow_runs, schema.flowdetails, schema.atomdetails
    for column, names in (
        (runs.c.flow, _FLOW),
        (runs.c.shape, _SHAPE),
        (details.c.name, _FLOW),
        (schema.logbooks.c.name, _FLOW),
        (atoms.c.name, _STEP),
        (schema.events.c.atom, _STEP),
    ):
        _replace(column, *names)
    for text, names in (
        (details.c.meta, (f'"{_STEP[0]}"', f'"{_STEP[1]}"')),
        (details.c.meta, _SHAPE),
        (atoms.c.results, _RESULT),
    ):
        _replace_within(text, *names)
    # Conductors post the open flows again, under today's names.
    op.execute(schema.board_entries.delete())
    active = schema.jobs.c.active
    op.execute(
        schema.jobs.update().where(active.is_not(None)).values(active="unfinished")
    )


def _replace(column: sa.Column[str], old: str, new: str) -> None:
    op.execute(column.table.update().where(column == old).values({column.name: new}))


def _replace_within(column: sa.Column[Any], old: str, new: str) -> None:
    text = sa.type_coerce(column, sa.Text())
    replaced = sa.func.replace(text, old, new)
    op.execute(
        sa.update(column.table)
        .where(text.contains(old, autoescape=True))
        .values({column.name: sa.type_coerce(replaced, sa.Text())})
    )


def _tables() -> set[str]:
    return set(sa.inspect(op.get_bind()).get_table_names())


def _columns(table: str) -> set[str]:
    if table not in _tables():
        return set()
    return {found["name"] for found in sa.inspect(op.get_bind()).get_columns(table)}


def _rename_column(table: str, old: str, new: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
        return
    # CHANGE COLUMN, which MariaDB before 10.5 knows too, needs the whole definition.
    column = schema.metadata.tables[table].c[new]
    op.alter_column(
        table,
        old,
        new_column_name=new,
        existing_type=column.type,
        existing_nullable=column.nullable,
    )


def _rename_indexes() -> None:
    """Create new ones first: a foreign key needs one of the two at any time."""
    bind = op.get_bind()
    for table, name in _INDEXES:
        if table not in _tables():
            continue
        for index in schema.metadata.tables[table].indexes:
            index.create(bind, checkfirst=True)
        found = {index["name"] for index in sa.inspect(bind).get_indexes(table)}
        if name in found:
            op.drop_index(name, table)
