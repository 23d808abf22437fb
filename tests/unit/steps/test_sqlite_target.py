# SPDX-License-Identifier: Apache-2.0
"""The steps of a target that is a SQLite file: what they make is for Octavia."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.cloud.ensure_database import EnsureDatabase
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from tests.unit.steps.controller_host import Controller

# In the place of octavia-db-manage, where SQLite is told by the overlay.
_DB_MANAGE = """\
#!{python}
import re, sqlite3, sys
overlay = open(sys.argv[4]).read()
path = re.search("persistence_connection = sqlite:///(.*)", overlay)[1]
for table in ("logbooks", "flowdetails", "atomdetails"):
    sqlite3.connect(path).execute(f"CREATE TABLE {{table}} (a INT)")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database is to be, in two folders that aren't there."""
    return tmp_path / "srv" / "octavia" / "octavia.db"


@pytest.fixture
def context(controller: Controller, file: Path) -> Context:
    """A controller of that target; the group may read octavia.conf."""
    program = controller.folder / "octavia-db-manage"
    program.write_text(_DB_MANAGE.format(python=sys.executable))
    program.chmod(0o755)
    controller.settings["db_manage_command"] = (str(program),)
    found = controller.context
    sqlite = DatabaseUrl("sqlite", database=str(file))
    return replace(found, spec=replace(found.spec, persistence=sqlite))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_file_are_open_to_octavias_group(
    context: Context, file: Path
) -> None:
    """octavia-db-manage finds the file made, and doesn't make it as root's."""
    assert EnsureDatabase(context).execute()["effect"] == "changed"
    assert UpgradePersistenceSchema(context).execute()["effect"] == "changed"
    assert _mode(file) == 0o660
    assert _mode(file.parent) == _mode(file.parent.parent) == 0o770


def test_a_plan_speaks_of_the_file(context: Context, file: Path) -> None:
    """There is neither a server nor an account."""
    assert EnsureDatabase(context).aim.startswith(f"make the folder of {file}")
    assert "no accounts" in EnsureDatabaseAccounts(context).aim


def test_a_file_that_is_there_stays_as_it_is(context: Context, file: Path) -> None:
    """The tables come into the operator's own file, with its rights."""
    file.parent.mkdir(parents=True)
    file.touch(mode=0o600)
    assert UpgradePersistenceSchema(context).execute()["effect"] == "changed"
    assert _mode(file) == 0o600
    assert UpgradePersistenceSchema(context).execute()["effect"] == "unchanged"
