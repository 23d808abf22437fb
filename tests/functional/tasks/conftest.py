# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the steps' tests."""

from pathlib import Path

import pytest

from amphv2_bootstrap.tasks.ensure_database import EnsureDatabase
from amphv2_bootstrap.tasks.ensure_database_accounts import EnsureDatabaseAccounts
from tests.functional.tasks.target import Target, octavia_venv
from tests.servers.mariadb import MariaDB


@pytest.fixture
def target(mariadb: MariaDB, tmp_path: Path) -> Target:
    """A cloud with an empty database server, without Octavia."""
    return Target(mariadb, tmp_path)


@pytest.fixture
def prepared(target: Target) -> Target:
    """The target with database and accounts, and with real Octavia."""
    venv = octavia_venv()
    target.db_manage = (str(venv / "bin" / "octavia-db-manage"),)
    target.octavia_python = str(venv / "bin" / "python")
    EnsureDatabase(target.context()).execute()
    EnsureDatabaseAccounts(target.context()).execute()
    return target


@pytest.fixture(scope="session")
def templates() -> dict[str, list[str]]:
    """What makes the tables of each revision; filled when one is first wanted."""
    return {}
