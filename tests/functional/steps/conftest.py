# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the steps' tests."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.steps.cloud.ensure_database import EnsureDatabase
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from tests.functional.steps.target import Target
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_octavia

LEFT = "schema that a killed upgrade left"
SEED_NAME = "AMPHV2_TEST_SEED"
"""Properties by which a test tells of them; they are summed up at the end."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many upgrades were killed, what that left, and how many ended well."""
    passed, failed = (
        Counter(_told(terminalreporter, outcome, LEFT))
        for outcome in ("passed", "failed")
    )
    left = passed + failed
    if not left:
        return
    seeds = {*_told(terminalreporter, "passed", SEED_NAME)}
    seeds |= {*_told(terminalreporter, "failed", SEED_NAME)}
    told = ", ".join(f"{count} {state}" for state, count in sorted(left.items()))
    terminalreporter.write_line(
        f"{left.total()} upgrades were killed ({SEED_NAME}={', '.join(seeds)}) and "
        f"left: {told}; {passed.total()} ended at the head with their rows"
    )


def _told(terminalreporter: Any, outcome: str, name: str) -> Iterator[str]:
    for report in terminalreporter.getreports(outcome):
        if report.when == "call":
            yield from (value for key, value in report.user_properties if key == name)


@pytest.fixture
def target(mariadb: MariaDB, tmp_path: Path) -> Target:
    """A cloud with an empty database server, without Octavia."""
    return Target(mariadb, tmp_path)


@pytest.fixture
def prepared(target: Target) -> Target:
    """The target with database and accounts, and with real Octavia."""
    venv = find_octavia()
    target.db_manage = (str(venv / "bin" / "octavia-db-manage"),)
    target.octavia_python = str(venv / "bin" / "python")
    EnsureDatabase(target.context()).execute()
    EnsureDatabaseAccounts(target.context()).execute()
    return target


@pytest.fixture(scope="session")
def templates() -> dict[str, list[str]]:
    """What makes the tables of each revision; filled when one is first wanted."""
    return {}
