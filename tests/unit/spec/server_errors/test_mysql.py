# SPDX-License-Identifier: Apache-2.0
"""The table of the servers' errors: which pass by themselves, and what helps."""

import pytest

from amphv2_bootstrap.spec.server_errors.mysql import RULES, advice, is_transient

_RUNNING = "The MariaDB server is running with the --%s option so it cannot execute"


@pytest.mark.parametrize(
    ("code", "message", "word"),
    [
        (1290, _RUNNING % "read-only", "replica"),
        (1290, _RUNNING % "super-read-only", "replica"),
        (2003, "Can't connect to MySQL server on 'db' (timed out)", "running"),
        (2013, "Lost connection to server during query", ""),
        (4031, "The client was disconnected by the server because of inactivity.", ""),
        (9001, "Max connect timeout reached while reaching hostgroup 10", "hostgroup"),
        (1180, "Got error 149 'Deadlock: wsrep aborted transaction' during COMMIT", ""),
        (3032, "The server is currently in offline mode", "offline_mode"),
        (3101, "Plugin instructed the server to rollback the current transaction.", ""),
        (1020, "Record has changed since last read in table 'x'", ""),
    ],
)
def test_what_may_pass(code: int, message: str, word: str) -> None:
    """Another attempt makes sense, and the advice is about this cause."""
    assert is_transient(code, message)
    assert word in advice(code, message)


@pytest.mark.parametrize(
    ("code", "message", "word"),
    [
        (1290, _RUNNING % "skip-grant-tables", "--skip-grant-tables"),
        (1290, _RUNNING % "secure-file-priv", "files"),
        (1045, "ProxySQL Error: Access denied for user 'o'@'h'", "mysql_users"),
        (1045, "Access denied for user 'o'@'h' (using password: YES)", "password"),
        (1130, "Host 'h' is not allowed to connect", "this host"),
        (1698, "Access denied for user 'root'@'localhost'", "socket"),
        (1862, "Your password has expired.", "ALTER USER"),
        (3118, "Access denied for user 'o'@'h'. Account is locked.", "UNLOCK"),
        (4151, "Access denied, this account is locked", "UNLOCK"),
        (1524, "Plugin 'ed25519' is not loaded", "plugin"),
        (1030, "Got error 28 from storage engine", "disk"),
        (1036, "Table 'alembic_version' is read only", "innodb_read_only"),
        (1356, "View 'mysql.user' references invalid table(s)", "mariadb-upgrade"),
        (1449, "definer ('mariadb.sys'@'localhost') does not exist", "mariadb-upgrade"),
        (1558, "Column count of mysql.proc is wrong", "mariadb-upgrade"),
        (3750, "Unable to create or change a table without a primary key", "primary"),
        (9006, "ProxySQL Error: connection is locked to hostgroup 1", "query rule"),
        (1114, "The table 't' is full", "disk"),
    ],
)
def test_what_stays(code: int, message: str, word: str) -> None:
    """Another attempt would fail as well; the advice is about this cause."""
    assert not is_transient(code, message)
    assert word in advice(code, message)
    assert "replica" not in advice(code, message)


def test_an_unknown_error_stays() -> None:
    """What isn't in the table is not tried again, and gets no wrong advice."""
    assert not is_transient(1064, "syntax error")
    assert advice(1064, "syntax error") == ""


def test_every_rule_can_be_met() -> None:
    """A rule without a text would hide the rules behind it of the same number."""
    seen: set[int] = set()
    for rule in RULES:
        assert rule.code not in seen
        if not rule.text:
            seen.add(rule.code)
