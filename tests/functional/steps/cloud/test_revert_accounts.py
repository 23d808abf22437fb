# SPDX-License-Identifier: Apache-2.0
"""A revert of ``ensure-database-accounts`` leaves what others made or granted (P6)."""

import pytest

from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from tests.functional.steps.target import DATABASE, PASSWORD, Target, result_of
from tests.servers.mariadb import MariaDB


@pytest.fixture(autouse=True)
def database(target: Target) -> None:
    target.grant_hosts = ("localhost",)
    target.mariadb.execute(f"CREATE DATABASE {DATABASE}")
    target.mariadb.execute(f"CREATE TABLE {DATABASE}.t (a INT)")


@pytest.fixture
def role(mariadb: MariaDB) -> str:
    """A role, which is dropped with the accounts."""
    mariadb.execute("CREATE ROLE operators")
    return "operators"


def account_hosts(server: MariaDB) -> set[str]:
    rows = server.execute("SELECT Host FROM mysql.global_priv WHERE User = 'octavia'")
    return {host for (host,) in rows}


def grants(server: MariaDB) -> set[str]:
    return {line for (line,) in server.execute("SHOW GRANTS FOR octavia@localhost")}


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT PROCESS ON *.* TO {}",
        "GRANT USAGE ON *.* TO {} WITH GRANT OPTION",
        "GRANT SELECT ON mysql.* TO {}",
        "GRANT USAGE ON `octavia\\_persistence`.* TO {} WITH GRANT OPTION",
        f"GRANT SELECT ON {DATABASE}.* TO {{}}",
        f"GRANT SELECT ON {DATABASE}.t TO {{}}",
        f"GRANT SELECT (a) ON {DATABASE}.t TO {{}}",
        "GRANT EXECUTE ON PROCEDURE mysql.AddGeometryColumn TO {}",
        "GRANT operators TO {}",
        "GRANT PROXY ON root@localhost TO {}",
    ],
)
@pytest.mark.usefixtures("role")
def test_whatever_was_granted_since_keeps_the_account(
    target: Target, grant: str
) -> None:
    """A revert takes its own grant, and leaves the account with the other one."""
    step = EnsureDatabaseAccounts(target.context())
    result = step.execute()
    own = grants(target.mariadb)
    target.mariadb.execute(grant.format("octavia@localhost"))
    step.revert(result)
    assert account_hosts(target.mariadb) == {"localhost"}
    left = grants(target.mariadb)
    assert not any("ALL PRIVILEGES" in line for line in left)
    assert left - own


@pytest.mark.parametrize("earlier", ["SELECT", "ALL PRIVILEGES"])
@pytest.mark.parametrize("name", [r"octavia\_persistence", DATABASE, "octavia%"])
def test_earlier_grants_stay(target: Target, earlier: str, name: str) -> None:
    """After a revert, the account still has each grant that it had before.

    A grant on exactly the database, which the step has widened, is not narrowed.
    """
    server = target.mariadb
    server.execute("CREATE USER octavia@localhost IDENTIFIED BY %s", (PASSWORD,))
    server.execute(f"GRANT {earlier} ON `{name}`.* TO octavia@localhost")
    before = grants(server)
    step = EnsureDatabaseAccounts(target.context())
    step.revert(step.execute())
    widened = f"GRANT ALL PRIVILEGES ON `{name}`.* TO `octavia`@`localhost`"
    logins = {line for line in before if "USAGE" in line}
    assert grants(server) in (before, {*logins, widened})


def test_host_names_are_compared_as_the_server_does(target: Target) -> None:
    """The case of a host name doesn't matter: the second run only looks."""
    target.grant_hosts = ("LocalHost", "WEB%.Example.org")
    step = EnsureDatabaseAccounts(target.context())
    result = step.execute()
    assert account_hosts(target.mariadb) == {"localhost", "web%.example.org"}
    second = result_of(EnsureDatabaseAccounts(target.context()))
    assert (second.effect, second.made, second.warnings) == ("unchanged", (), ())
    step.revert(result)
    assert account_hosts(target.mariadb) == set()


def test_a_note_of_an_older_release_is_reverted(target: Target) -> None:
    """A note with a host name as an older release wrote it leads to its account."""
    step = EnsureDatabaseAccounts(target.context())
    result = step.execute()
    result["made"] = [one.replace("localhost", "LocalHost") for one in result["made"]]
    step = EnsureDatabaseAccounts(target.context())
    step.revert(result)
    assert account_hosts(target.mariadb) == set()


def test_a_role_with_the_name_of_the_account(target: Target) -> None:
    """MariaDB lists roles among accounts; the step ignores them."""
    target.mariadb.execute("CREATE ROLE octavia")
    step = EnsureDatabaseAccounts(target.context())
    step.revert(step.execute())
    assert account_hosts(target.mariadb) == {""}
