# SPDX-License-Identifier: Apache-2.0
"""The steps with a SQLite file as the target make files that Octavia can use."""

import contextlib
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.cloud.ensure_database import EnsureDatabase
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from tests.unit.service_folder import ServiceFolder, as_root, service_folder
from tests.unit.steps.controller_host import Controller

# A fake octavia-db-manage that makes the tables in the file of the overlay.
_DB_MANAGE = """\
import re, sqlite3, sys
overlay = open(sys.argv[4]).read()
path = re.search("persistence_connection = sqlite:///(.*)", overlay)[1]
for table in ("logbooks", "flowdetails", "atomdetails"):
    sqlite3.connect(path).execute(f"CREATE TABLE {table} (a INT)")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The wanted database file, in two folders that don't exist."""
    return tmp_path / "srv" / "octavia" / "octavia.db"


@pytest.fixture
def context(controller: Controller, file: Path) -> Context:
    """A controller of that target; the group may read octavia.conf."""
    program = controller.program("octavia-db-manage", _DB_MANAGE, sys.executable)
    controller.settings["db_manage_command"] = (program,)
    return controller.sqlite(file)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_file_are_open_to_octavias_group(
    context: Context, file: Path
) -> None:
    """The file exists before octavia-db-manage, as root, could create it."""
    assert EnsureDatabase(context).execute()["effect"] == "changed"
    assert UpgradePersistenceSchema(context).execute()["effect"] == "changed"
    assert _mode(file) == 0o660
    assert _mode(file.parent) == _mode(file.parent.parent) == 0o770


def test_a_plan_names_the_file(context: Context, file: Path) -> None:
    """It mentions neither a server nor an account."""
    assert EnsureDatabase(context).aim.startswith(f"make the folder of {file}")
    assert "no accounts" in EnsureDatabaseAccounts(context).aim


def test_a_file_that_is_there_stays_as_it_is(context: Context, file: Path) -> None:
    """The tables are made in the operator's own file, and its mode stays."""
    file.parent.mkdir(parents=True)
    file.touch(mode=0o600)
    assert UpgradePersistenceSchema(context).execute()["effect"] == "changed"
    assert _mode(file) == 0o600
    assert UpgradePersistenceSchema(context).execute()["effect"] == "unchanged"


@pytest.fixture
def service() -> Iterator[ServiceFolder]:
    with service_folder() as made:
        yield made


@as_root
def test_in_octavias_own_folder_no_link_is_followed(
    controller: Controller, context: Context, service: ServiceFolder
) -> None:
    """Links in place of the folder or the file, dangling ones too, are refused."""
    (service.path / "file.db").symlink_to(service.victim)
    (service.path / "new.db").symlink_to(service.victims / "new.db")
    (service.path / "folder").symlink_to(service.victims)
    for name in ("file.db", "new.db", "folder/octavia.db", "folder/new/octavia.db"):
        target = controller.sqlite(service.path / name)
        for step in (EnsureDatabase, UpgradePersistenceSchema):
            with contextlib.suppress(PermanentError):
                assert step(target).act().effect == "unchanged"
        with pytest.raises(PermanentError, match="is a symbolic link"):
            UpgradePersistenceSchema(target).act()
        service.assert_harmless()


@as_root
def test_in_octavias_own_folder_links_swapped_in_do_no_harm(
    controller: Controller, context: Context, service: ServiceFolder
) -> None:
    """Octavia's user swaps file and link all the time, and gains nothing."""
    target = controller.sqlite(service.path / "octavia.db")
    step = UpgradePersistenceSchema(target)
    service.survives(step.act, "octavia.db", 20)
    service.path.joinpath("octavia.db").unlink(missing_ok=True)
    assert step.act().effect == "changed"
    assert step.act().effect == "unchanged"


@as_root
def test_in_octavias_own_folder_root_changes_no_database(
    controller: Controller, context: Context, service: ServiceFolder
) -> None:
    """A database with other tables stays, and the error says who can make ours."""
    path = service.path / "octavia.db"
    sqlite3.connect(path).execute("CREATE TABLE load_balancer (a INT)")
    before = path.read_bytes()
    with pytest.raises(PermanentError, match=r"upgrade_persistence.*as the owner"):
        UpgradePersistenceSchema(controller.sqlite(path)).act()
    assert path.read_bytes() == before
