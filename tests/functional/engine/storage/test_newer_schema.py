# SPDX-License-Identifier: Apache-2.0
"""Work with tables that a newer version has upgraded (promise P8)."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.storage import migrate, schema
from amphv2_bootstrap.engine.storage.database import Database
from tests.functional.daemon import SERVES, Daemon, cli, ended
from tests.functional.engine.conftest import OpenDatabase
from tests.unit.cmd.smallest import write_configuration

# What a revision may add so that an older version works on.
_ADDITIONS = (
    "CREATE TABLE news (id INTEGER PRIMARY KEY)",
    "ALTER TABLE jobs ADD COLUMN colour VARCHAR(16)",
    "ALTER TABLE flow_runs ADD COLUMN weight INTEGER NOT NULL DEFAULT 7",
    "ALTER TABLE conductors ADD COLUMN colour VARCHAR(16)",
)


def upgrade_to_newer(database: Database, compatible_from: str | None) -> None:
    """Upgrade the tables as a newer version does; ``compatible_from`` is its word."""
    migrate.upgrade(database)
    rows = schema.constants
    with database.write() as connection:
        for addition in _ADDITIONS:
            connection.execute(sa.text(addition))
        query = f"UPDATE {migrate.VERSION_TABLE} SET version_num = '9999'"
        connection.execute(sa.text(query))
        name = "schema-compatible-from"
        connection.execute(rows.delete().where(rows.c.name == name))
        if compatible_from is not None:
            insert = rows.insert().values(name=name, value=compatible_from)
            connection.execute(insert)


def _engine(database: Database) -> str:
    url = database.engine.url.render_as_string(hide_password=False)
    text = url.replace(" ", "%20").replace("$", "$$")
    return f"[task_flow]\npersistence_connection = {text}\n"


def test_commands_and_conductors_work_on(
    open_database: OpenDatabase, tmp_path: Path
) -> None:
    """If the tables say that they are compatible: it posts, claims and shows."""
    database = open_database()
    upgrade_to_newer(database, migrate.HEAD)
    with ended(Daemon(tmp_path, more=_engine(database))) as daemon:
        daemon.wait_for(lambda log: SERVES in log, "it serves")
        posted = cli(tmp_path, "post-job")
        assert posted.returncode == 0, posted.stderr
        daemon.wait_for(lambda log: "running (epoch 1)" in log, "it claims a flow")
    shown = cli(tmp_path, "job", "show", "-f", "json")
    assert {flow["name"] for flow in json.loads(shown.stdout)["flows"]} == {
        "cloud",
        "controller",
    }
    upgraded = cli(tmp_path, "db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    assert "were already at 9999" in upgraded.stdout


@pytest.mark.parametrize("compatible_from", ["9999", None])
def test_tables_that_need_a_newer_version_are_refused(
    compatible_from: str | None, open_database: OpenDatabase, tmp_path: Path
) -> None:
    """Every command names both revisions and says that the package must be upgraded."""
    database = open_database()
    upgrade_to_newer(database, compatible_from)
    write_configuration(tmp_path, _engine(database))
    for arguments in (("job", "list"), ("post-job",), ("db", "upgrade")):
        refused = cli(tmp_path, *arguments)
        assert refused.returncode == 1
        assert f"at 9999, and this version needs {migrate.HEAD}" in refused.stderr
        assert "Upgrade amphv2-bootstrap on this host" in refused.stderr
        assert "Traceback" not in refused.stderr
    with database.read() as connection:
        assert connection.execute(sa.select(schema.jobs)).all() == []
