# SPDX-License-Identifier: Apache-2.0
"""Reading SHOW GRANTS of both flavours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.adapters.mysql import sessions
from amphv2_bootstrap.adapters.mysql.grants import parse_grants

DATABASE = "octavia_persistence"

MYSQL8_ROOT = (
    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, SHUTDOWN, PROCESS, "
    "FILE, REFERENCES, INDEX, ALTER, SHOW DATABASES, SUPER, CREATE TEMPORARY TABLES, "
    "LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW "
    "VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, CREATE "
    "TABLESPACE, CREATE ROLE, DROP ROLE ON *.* TO `root`@`localhost` WITH GRANT OPTION",
    "GRANT APPLICATION_PASSWORD_ADMIN,AUDIT_ADMIN,BACKUP_ADMIN,BINLOG_ADMIN ON *.* TO "
    "`root`@`localhost` WITH GRANT OPTION",
    "GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION",
)
MARIADB_ROOT = (
    "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD "
    "'*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19' WITH GRANT OPTION",
    "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION",
)


@pytest.mark.parametrize("lines", [MYSQL8_ROOT, MARIADB_ROOT])
def test_root(lines: tuple[str, ...]) -> None:
    """The administrator has all needed privileges on MySQL and MariaDB."""
    grants = parse_grants(lines)
    assert grants.holds_all(DATABASE)
    assert grants.may_grant(DATABASE)
    assert grants.holds_globally("CREATE USER")
    assert grants.holds("SELECT", "mysql")


@pytest.mark.parametrize(
    ("pattern", "reached"),
    [
        ("octavia\\_persistence", True),
        ("octavia_persistence", True),
        ("octavia%", True),
        ("%", True),
        ("octavia", False),
        ("octaviaXpersistence", False),
        ("octavia\\%", False),
    ],
)
def test_patterns(pattern: str, reached: bool) -> None:
    """The database of a grant is a pattern with escapes."""
    grants = parse_grants([f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO `o`@`%`"])
    assert grants.holds_all(DATABASE) is reached
    assert not grants.may_grant(DATABASE)
    assert not grants.holds_globally("CREATE USER") or pattern == "%"


@given(st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=64))
def test_escaped_name_is_exact(one: str, other: str) -> None:
    """A grant on an escaped name reaches only that database."""
    quoted = sessions._quoted_grant_name(sessions.GrantName(one), None)
    grants = parse_grants([f"GRANT ALL PRIVILEGES ON {quoted}.* TO `o`@`%`"])
    assert grants.holds_all(one)
    assert grants.has_own(one)
    assert grants.holds_all(other) is (one == other)


@pytest.mark.parametrize(
    "line",
    [
        "GRANT SELECT, INSERT ON `octavia_persistence`.`logbooks` TO `o`@`%`",
        "GRANT SELECT (`a`, `b`) ON `octavia_persistence`.`t` TO `o`@`%`",
        "GRANT EXECUTE ON PROCEDURE `octavia_persistence`.`p` TO `o`@`%`",
        "GRANT `role`@`%` TO `o`@`%` WITH ADMIN OPTION",
        "GRANT USAGE ON *.* TO `o`@`%`",
        "SET DEFAULT ROLE `role` FOR `o`@`%`",
    ],
)
def test_lesser_grants_do_not_count(line: str) -> None:
    """Grants on tables, columns and routines are no grants on the database.

    Each but USAGE is one that the account would lose with a revert.
    """
    grants = parse_grants([line])
    assert not grants.holds("SELECT", DATABASE)
    assert not grants.holds("EXECUTE", DATABASE)
    assert not grants.may_grant(DATABASE)
    assert grants.is_empty is ("USAGE" in line)


def test_partial_revoke() -> None:
    """A privilege that MySQL 8 takes away for one database isn't held there."""
    grants = parse_grants(
        [*MYSQL8_ROOT, "REVOKE CREATE ON `octavia_persistence`.* FROM `root`@`%`"]
    )
    assert not grants.holds("CREATE", DATABASE)
    assert grants.holds("SELECT", DATABASE)
    assert grants.holds("CREATE", "other")


def test_the_most_specific_grant_decides() -> None:
    """The server takes one grant on a database, and adds the global ones only."""
    wide = "GRANT ALL PRIVILEGES ON `octavia%`.* TO `o`@`%` WITH GRANT OPTION"
    exact = "GRANT SELECT ON `octavia\\_persistence`.* TO `o`@`%`"
    grants = parse_grants([exact, wide])
    assert grants.holds("SELECT", DATABASE)
    assert not grants.holds("CREATE", DATABASE)
    assert not grants.may_grant(DATABASE)
    assert grants.holds("CREATE", "octavia_other")
    assert parse_grants([exact, wide, *MARIADB_ROOT]).holds("CREATE", DATABASE)


def test_a_roles_grant_is_added() -> None:
    """The grants of a role don't compete with the account's."""
    own = "GRANT SELECT ON `octavia\\_persistence`.* TO `o`@`%`"
    role = "GRANT CREATE ON `octavia%`.* TO `role`"
    grants = parse_grants([own, role])
    assert grants.holds("SELECT", DATABASE)
    assert grants.holds("CREATE", DATABASE)


def test_limits_after_the_grant_option() -> None:
    """MariaDB writes resource limits behind the grant option."""
    line = "GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION MAX_USER_CONNEC"
    assert parse_grants([line]).may_grant(DATABASE)
