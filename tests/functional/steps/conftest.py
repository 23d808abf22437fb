# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the steps' tests."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.steps.cloud.ensure_database import EnsureDatabase
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from tests.functional.steps.older_schema import OlderSchema
from tests.functional.steps.target import Target
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_octavia

LEFT = "schema that a killed upgrade left"
SEED_NAME = "AMPHV2_TEST_SEED"
"""Properties that tests record; the terminal summary counts them."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many upgrades were killed, what they left, and how many succeeded."""
    passed, failed = (
        Counter(_recorded(terminalreporter, outcome, LEFT))
        for outcome in ("passed", "failed")
    )
    left = passed + failed
    if not left:
        return
    seeds = {*_recorded(terminalreporter, "passed", SEED_NAME)}
    seeds |= {*_recorded(terminalreporter, "failed", SEED_NAME)}
    counts = ", ".join(f"{count} {state}" for state, count in sorted(left.items()))
    terminalreporter.write_line(
        f"{left.total()} upgrades were killed ({SEED_NAME}={', '.join(seeds)}) and "
        f"left: {counts}; {passed.total()} ended at the head with their rows"
    )


def _recorded(terminalreporter: Any, outcome: str, name: str) -> Iterator[str]:
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
    """The statements that make the tables of each revision, filled on demand."""
    return {}


@pytest.fixture
def older(prepared: Target, templates: dict[str, list[str]]) -> OlderSchema:
    """The database of the target, without tables."""
    return OlderSchema(prepared.mariadb, templates)
