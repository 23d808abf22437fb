# SPDX-License-Identifier: Apache-2.0
"""How the canary judges the tables where taskflow comes without its migrations."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import taskflow

from tests import REPOSITORY
from tests.servers import packaged

_CHECK = """
import json, sqlalchemy, sys
from amphv2_bootstrap.adapters.octavia.programs import loading, reporting
from taskflow.persistence.backends.sqlalchemy import tables
metadata = sqlalchemy.MetaData()
made = tables.fetch(metadata)
engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.StaticPool)
metadata.create_all(engine)
with engine.begin() as connection:
    for statement in json.load(sys.stdin):
        connection.execute(sqlalchemy.text(statement))
try:
    print(loading.check_schema(engine, None))
except reporting.BrokenLinkError as exc:
    print(exc)
"""
_VERSION = ("CREATE TABLE alembic_version (version_num)",)
_STAMPED = (*_VERSION, "INSERT INTO alembic_version VALUES ('40fc8c914bd2')")


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (_STAMPED, "40fc8c914bd2"),
        ((), "the table alembic_version is missing"),
        ((*_STAMPED, "ALTER TABLE logbooks DROP name"), "logbooks.name is missing"),
    ],
)
def test_tables_are_judged_without_migrations(
    tmp_path: Path, statements: tuple[str, ...], said: str
) -> None:
    """With Debian's taskflow the columns decide, and the revision is only shown."""
    site = tmp_path / "site"
    packaged.strip_migrations(site, Path(taskflow.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", _CHECK],
        input=json.dumps(statements),
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said in done.stdout
