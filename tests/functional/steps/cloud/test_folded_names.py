# SPDX-License-Identifier: Apache-2.0
"""A server with lower_case_table_names = 1, where Octavia and octavia are one name."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.checks import database as database_checks
from amphv2_bootstrap.checks.finding import OK
from amphv2_bootstrap.steps.cloud.check_prerequisites import CheckPrerequisites
from amphv2_bootstrap.steps.cloud.ensure_database import EnsureDatabase
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from tests.functional.steps.target import PASSWORD, Target, result_of
from tests.servers.mariadb import MariaDB, running_mariadb

DATABASE = "Octavia_Persistence"
STORED = DATABASE.lower()


@pytest.fixture(scope="module")
def folding_server() -> Iterator[MariaDB]:
    with running_mariadb("--lower-case-table-names=1") as server:
        yield server


@pytest.fixture
def folding(folding_server: MariaDB, tmp_path: Path) -> Target:
    """A cloud with that server, and a name that the server folds."""
    folding_server.clean()
    return Target(folding_server, tmp_path, database=DATABASE)


def _databases(target: Target) -> set[str]:
    return {name for (name,) in target.mariadb.execute("SHOW DATABASES")}


def _grants(target: Target) -> list[str]:
    rows = target.mariadb.execute("SHOW GRANTS FOR octavia@localhost")
    return [line for (line,) in rows]


def test_a_second_run_only_looks(folding: Target) -> None:
    """Database, accounts and grants are found again, and then reverted."""
    steps = [
        EnsureDatabase(folding.context()),
        EnsureDatabaseAccounts(folding.context()),
    ]
    results = [step.execute() for step in steps]
    assert STORED in _databases(folding)
    for kind in (EnsureDatabase, EnsureDatabaseAccounts):
        second = result_of(kind(folding.context()))
        assert (second.effect, second.made, second.warnings) == ("unchanged", (), ())
    for step, result in zip(reversed(steps), reversed(results), strict=True):
        step.revert(result)
    assert STORED not in _databases(folding)
    users = folding.mariadb.execute("SELECT User FROM mysql.user")
    assert ("octavia",) not in users


def test_a_database_with_rows_stays(folding: Target) -> None:
    """A revert finds the rows in the database of the folded name."""
    step = EnsureDatabase(folding.context())
    result = step.execute()
    folding.mariadb.execute(f"CREATE TABLE {STORED}.t (a INT)")
    folding.mariadb.execute(f"INSERT INTO {STORED}.t VALUES (1)")
    step.revert(result)
    assert STORED in _databases(folding)


@pytest.mark.parametrize("earlier", ["SELECT", "ALL PRIVILEGES"])
def test_earlier_grants_stay(folding: Target, earlier: str) -> None:
    """A revert leaves the grants that the account had on the folded name."""
    server = folding.mariadb
    server.execute(f"CREATE DATABASE {STORED}")
    server.execute("CREATE USER octavia@localhost IDENTIFIED BY %s", (PASSWORD,))
    server.execute(rf"GRANT {earlier} ON `octavia\_persistence`.* TO octavia@localhost")
    folding.grant_hosts = ("localhost",)
    step = EnsureDatabaseAccounts(folding.context())
    result = step.execute()
    assert result["made"] == []
    step.revert(result)
    assert any(r"octavia\_persistence" in line for line in _grants(folding))


def test_the_grants_of_an_administrator_are_found(folding: Target) -> None:
    """Grants on the folded name are enough for the administrator and for verify."""
    EnsureDatabase(folding.context()).execute()
    EnsureDatabaseAccounts(folding.context()).execute()
    found = list(database_checks.grants(folding.context()))
    assert [one.state for one in found] == [OK, OK]
    server = folding.mariadb
    server.execute("CREATE USER boss@localhost IDENTIFIED BY 'x'")
    server.execute("GRANT CREATE USER ON *.* TO boss@localhost")
    server.execute("GRANT SELECT ON mysql.* TO boss@localhost")
    server.execute(
        r"GRANT ALL ON `octavia\_persistence`.* TO boss@localhost WITH GRANT OPTION"
    )
    folding.admin, folding.admin_password = "boss", "x"
    folding.db_manage = (shutil.which("true") or "",)
    result_of(CheckPrerequisites(folding.context(), lambda _spec, _secrets: ()))
