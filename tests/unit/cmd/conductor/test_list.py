# SPDX-License-Identifier: Apache-2.0
"""``conductor list``."""

import dataclasses
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.conductor.duplicate_hosts import has_duplicate
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.store import Store
from tests.unit.engine.signs import beat

ME = ProcessIdentity.of_this_process("c1")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/engine.sqlite")
    migrate.upgrade(database)
    return database


def test_two_machines_of_one_name_are_in_conflict(database: Database) -> None:
    """Two conductors of one host name are marked while both are alive."""
    duplicate = dataclasses.replace(ME, machine="aaaaaaaa.bbbbbbbb")
    other = dataclasses.replace(duplicate, host="c2")
    for owner in (ME, duplicate, other, ME):
        beat(database, owner)
    rows = Store(database).conductors()
    found = {row.owner: has_duplicate(row, rows) for row in rows}
    assert found == {str(ME): True, str(duplicate): True, str(other): False}
    silent = [dataclasses.replace(row, age=31.0) for row in rows]
    assert not any(has_duplicate(row, silent) for row in silent)
