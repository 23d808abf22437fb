# SPDX-License-Identifier: Apache-2.0
"""``upgrade-persistence-schema`` where Octavia's taskflow has no migrations."""

import sqlite3
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.schema.persistence_schema import TABLES
from amphv2_bootstrap.checks import database
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from tests.functional.steps.older_schema import OlderSchema
from tests.functional.steps.target import DATABASE, Target, result_of, writes
from tests.servers import packaged
from tests.servers.octavia import find_octavia


@pytest.fixture
def debian(prepared: Target) -> Target:
    """The target with an Octavia of which taskflow has no migrations."""
    prepared.octavia_python, manage = packaged.package(find_octavia(), prepared.folder)
    prepared.db_manage = (manage,)
    return prepared


def test_makes_the_tables_of_that_taskflow(debian: Target) -> None:
    """They equal those of that taskflow's migrations, and the second run only reads."""
    result = result_of(UpgradePersistenceSchema(debian.context()))
    assert (result.effect, result.warnings) == ("changed", ())
    assert f"taskflow {packaged.VERSION} has no migrations" in result.summary
    older = OlderSchema(debian.mariadb)
    assert older.tables() == older.tables_at(packaged.HEAD)
    mark = debian.mariadb.mark()
    assert result_of(UpgradePersistenceSchema(debian.context())).effect == "unchanged"
    assert writes(debian.mariadb.statements(mark)) == []
    (found,) = database.schema(debian.context())
    assert (found.state, packaged.HEAD in found.message) == ("ok", True)


def test_upgrades_the_tables_with_their_rows(debian: Target) -> None:
    """Tables of an older release keep their rows, and their guard is the same lock."""
    OlderSchema(debian.mariadb).migrate("6df9422fcb43")
    debian.mariadb.execute(f"INSERT INTO `{DATABASE}`.logbooks SET uuid = 'one'")
    mark = debian.mariadb.mark()
    assert result_of(UpgradePersistenceSchema(debian.context())).effect == "changed"
    older = OlderSchema(debian.mariadb)
    assert older.tables() == older.tables_at(packaged.HEAD)
    assert debian.mariadb.execute(f"SELECT uuid FROM `{DATABASE}`.logbooks")
    sent = debian.mariadb.statements(mark)
    assert any("@amphv2_lock" in one for one in sent)
    assert "p@s:s" not in "\n".join(sent)


def test_failed_migration(debian: Target) -> None:
    """What the server refused is said with its advice, without any secret."""
    OlderSchema(debian.mariadb).migrate("6df9422fcb43")
    pattern = DATABASE.replace("_", r"\_")
    for host in ("localhost", "%"):
        debian.mariadb.execute(f"REVOKE ALTER ON `{pattern}`.* FROM 'octavia'@'{host}'")
    with pytest.raises(PermanentError) as caught:
        UpgradePersistenceSchema(debian.context()).execute()
    text = str(caught.value)
    assert "ALTER command denied" in text
    assert "p@s:s" not in text


def test_sqlite(debian: Target, tmp_path: Path) -> None:
    """In a SQLite file the tables are made, too."""
    path = tmp_path / "o.db"
    result_of(UpgradePersistenceSchema(debian.sqlite(path)))
    tables = sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall()
    assert {name for (name,) in tables} >= TABLES
