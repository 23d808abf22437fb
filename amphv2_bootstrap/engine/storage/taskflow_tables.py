# SPDX-License-Identifier: Apache-2.0
"""taskflow's three tables, as taskflow 6.5 declares them.

Declared here, since importing taskflow's declaration loads half of taskflow, and
PostgreSQL's dialect, into every command. A test compares the two.
"""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from amphv2_bootstrap.engine.bounded import read_json
from amphv2_bootstrap.engine.errors import DatabaseError

LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
"""Without the 64 KB limit of MySQL's TEXT."""


class Tables(NamedTuple):
    """The tables, under the names that taskflow's persistence looks for."""

    logbooks: sa.Table
    flowdetails: sa.Table
    atomdetails: sa.Table


class LongJson(sa.TypeDecorator[Any]):
    """taskflow's JSON column, on :data:`LONG_TEXT`."""

    impl = sa.UnicodeText
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(LONG_TEXT.dialect_impl(dialect))

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value, default=_plain)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        try:
            return None if value is None else read_json(value)
        except ValueError as exc:
            raise DatabaseError(
                "read a step's progress",
                why=f"the engine's database holds no JSON there: {exc}",
                todo="Somebody has changed it: cancel the job, and post it anew.",
            ) from exc


def _plain(value: Any) -> Any:
    """A value that JSON doesn't know, converted by oslo as in taskflow."""
    from oslo_serialization import jsonutils

    return jsonutils.to_primitive(value)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def tables(metadata: sa.MetaData) -> Tables:
    """Declare the tables."""
    return Tables(
        _table(metadata, "logbooks", _text("meta"), _name("name")),
        _table(
            metadata,
            "flowdetails",
            _parent("logbooks"),
            _text("meta"),
            _name("name"),
            _name("state"),
        ),
        _table(
            metadata,
            "atomdetails",
            _text("meta"),
            _parent("flowdetails"),
            _name("name"),
            sa.Column("version", sa.String(64)),
            _name("state"),
            *map(_text, ("failure", "results", "revert_results", "revert_failure")),
            _enum("atom_type", "atom_types", "RETRY_DETAIL", "TASK_DETAIL"),
            _enum("intention", "intentions", "EXECUTE", "IGNORE", "REVERT", "RETRY"),
        ),
    )


def _table(metadata: sa.MetaData, name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("created_at", sa.DateTime, default=_now),
        sa.Column("updated_at", sa.DateTime, onupdate=_now),
        sa.Column("uuid", sa.String(64), primary_key=True, unique=True),
        *columns,
    )


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, LongJson)


def _name(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(255))


def _parent(table: str) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.uuid", ondelete="CASCADE")
    return sa.Column("parent_uuid", sa.String(64), key)


def _enum(name: str, type_name: str, *values: str) -> sa.Column[str]:
    return sa.Column(name, sa.Enum(*values, name=type_name))
