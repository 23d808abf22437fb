# SPDX-License-Identifier: Apache-2.0
import datetime
import re
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.schema import CreateTable
from taskflow.persistence.backends.sqlalchemy import tables as theirs
from taskflow.types.failure import Failure

from amphv2_bootstrap.engine.storage import taskflow_tables as ours

DIALECTS: dict[str, Any] = {"mysql": mysql.dialect(), "sqlite": sqlite.dialect()}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ours.Tables._fields)
def test_the_tables_are_taskflows(name: str, dialect: str) -> None:
    """Columns, keys and constraints are the same; only JSON may be longer."""

    def lines(table: sa.Table) -> list[str]:
        text = str(CreateTable(table).compile(dialect=DIALECTS[dialect]))
        return sorted(line.strip().rstrip(",") for line in text.splitlines())

    declared = theirs.fetch(sa.MetaData())
    wanted = lines(getattr(declared, name))
    if dialect == "mysql":
        wanted = [re.sub(r"\bTEXT\b", "LONGTEXT", line) for line in wanted]
    assert lines(getattr(ours.tables(sa.MetaData()), name)) == wanted


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": [1, 2.5, None, "ü'\"\\"], "b": True},
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
        {"set": {1}},
        Failure.from_exception(ValueError("x", {1, 2})).to_dict(),
    ],
    ids=["nothing", "plain", "date", "set", "failure"],
)
def test_the_json_is_taskflows(value: Any) -> None:
    """Both write the same text, and read the same value from it."""
    dialect = DIALECTS["sqlite"]
    written = ours.LongJson().process_bind_param(value, dialect)
    assert written == theirs.JSONType().process_bind_param(value, dialect)
    read = [
        each.process_result_value(written, dialect)
        for each in (ours.LongJson(), theirs.JSONType())
    ]
    assert read[0] == read[1]


def test_times_are_set() -> None:
    """A row has the times of its creation and its last change, in UTC."""
    metadata = sa.MetaData()
    books = ours.tables(metadata).logbooks
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(books.insert().values(uuid="u"))
        connection.execute(books.update().values(name="n"))
        row = connection.execute(sa.select(books)).one()
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert abs(now - row.created_at) < datetime.timedelta(minutes=10)
    assert row.created_at <= row.updated_at
