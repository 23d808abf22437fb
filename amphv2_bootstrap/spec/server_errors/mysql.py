# SPDX-License-Identifier: Apache-2.0
"""What each error of MariaDB, MySQL, Galera, ProxySQL and PyMySQL means, and helps.

One number may mean several things: then the text decides. Sources:
https://mariadb.com/kb/en/mariadb-error-codes/,
https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
ProxySQL's lib/MySQL_Session.cpp for 9001 and its words.
"""

import re
from dataclasses import dataclass

from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.mysql_connection import AUTHENTICATION_REFUSED

ACCESS_DENIED = 1045
DATABASE_DENIED = 1044
UNKNOWN_DATABASE = 1049
LOCK_WAIT_TIMEOUT = 1205
UNKNOWN_VARIABLE = 1193
LOCKS_REFUSED = (1105, 1235)
"""Of GET_LOCK and LOCK TABLES: by Percona XtraDB Cluster in strict mode, and by MariaDB
where it doesn't support them."""

_ADMIN = "The account lacks a privilege: grant it."
_READ_ONLY = "The server is read-only: is it a replica, or is a switch-over under way?"
_NOT_REACHED = "Is the server running, and are host and port right?"
_SPACE = "Make room on the server's disk."
_SYSTEM_TABLES = (
    "The server's own tables are older than the server, or damaged: run "
    "mariadb-upgrade there (or restart MySQL with --upgrade=FORCE)."
)
ASK_ITS_LOG = "Look at the server's error log."
"""What helps with an error that no rule has advice for."""
_NO_KEY = (
    "The server refuses tables without a primary key: turn sql_require_primary_key off "
    "until the job is done, and report the table to the project."
)
_PLUGIN = (
    "Give the account an authentication plugin that PyMySQL and Octavia know, such as "
    "mysql_native_password, or caching_sha2_password with TLS."
)


@dataclass(frozen=True, slots=True)
class Rule:
    """``text`` is a pattern that the message has; empty where the number suffices."""

    code: int
    is_transient: bool
    advice: str = ""
    text: str = ""


def _transient(code: int, advice: str = "", text: str = "") -> Rule:
    return Rule(code, True, advice, text)


def _permanent(code: int, advice: str, text: str = "") -> Rule:
    return Rule(code, False, advice, text)


RULES: tuple[Rule, ...] = (
    _transient(1020),  # changed since the last read: innodb_snapshot_isolation
    _permanent(1021, _SPACE),
    _permanent(1030, _SPACE, "error 28 "),
    _permanent(
        1036, "The server can write no table: see innodb_read_only and its log."
    ),
    _transient(1037, "The server is out of memory."),
    _transient(1040, "Wait, or raise max_connections."),
    _transient(1041, "The server is out of memory."),
    _transient(
        1042, "The server can't resolve this host's name: set skip_name_resolve."
    ),
    _transient(1043, _NOT_REACHED),
    _permanent(
        DATABASE_DENIED, "The account lacks a privilege on this database: grant it."
    ),
    _permanent(
        ACCESS_DENIED,
        "The proxy doesn't let the account in: add it to mysql_users of ProxySQL.",
        "ProxySQL",
    ),
    _permanent(
        ACCESS_DENIED,
        "Check the user name and the password in the configuration, and whether the "
        f"account demands TLS: {tls.DEMANDS}.",
    ),
    _transient(
        1047, "The node isn't part of a working cluster: check its wsrep status."
    ),
    _permanent(
        UNKNOWN_DATABASE, "Create the database: amphv2-bootstrap post-job does."
    ),
    _transient(1053, "The server is shutting down."),
    _transient(1080),
    _permanent(1114, _SPACE),
    _transient(1129, "The server blocks this host after many errors: run FLUSH HOSTS."),
    _permanent(
        1130,
        "Create an account for this host, or connect from one that has an account.",
    ),
    _transient(1135, "The server can't make a thread: it lacks memory, or its limit."),
    _permanent(1142, _ADMIN),
    _permanent(1143, _ADMIN),
    _permanent(1153, "Raise max_allowed_packet of the server."),
    *map(_transient, (1152, 1158, 1159, 1160, 1161, 1184)),
    _transient(1180, "The cluster refused the commit.", "wsrep|Deadlock"),
    _permanent(UNKNOWN_VARIABLE, "Use a supported version of MariaDB or MySQL."),
    _transient(1203, "Wait, or raise the account's max_user_connections."),
    _transient(
        LOCK_WAIT_TIMEOUT, "Another transaction holds the table: see SHOW PROCESSLIST."
    ),
    _transient(1213),
    _transient(1226, "The account used up its hourly limits: wait, or raise them."),
    _permanent(1227, _ADMIN),
    _permanent(1235, "The cluster doesn't support this statement."),
    _permanent(1251, _PLUGIN),
    _permanent(1286, "Enable InnoDB in the server."),
    _permanent(
        1290,
        "The server runs with --skip-grant-tables, so no account and no grant is in "
        "force: restart it without that option.",
        "skip-grant-tables",
    ),
    _permanent(1290, "The server allows no such files.", "secure-file-priv"),
    _transient(1290, _READ_ONLY),
    _transient(1317),
    _permanent(1356, _SYSTEM_TABLES, r"\bmysql\."),
    _permanent(
        1410, "The account may not create other accounts: grant it CREATE USER."
    ),
    _transient(1412),
    _permanent(1449, _SYSTEM_TABLES, r"mariadb\.sys|mysql\.sys"),
    _permanent(1524, _PLUGIN),
    *(_permanent(code, _SYSTEM_TABLES) for code in (1547, 1548, 1558)),
    _permanent(1665, "Set binlog_format = ROW (or MIXED) in the server."),
    _permanent(
        1698,
        "The account logs in by the socket, as the system user of that name: use it "
        "so, or give the account a password.",
    ),
    _permanent(1728, _SYSTEM_TABLES),
    _transient(1792, _READ_ONLY),
    _permanent(1805, _SYSTEM_TABLES),
    _permanent(1819, "Choose a password that the server's password policy accepts."),
    _permanent(1820, "The password has expired: set a new one by ALTER USER."),
    _transient(1836, _READ_ONLY),
    _permanent(1862, "The password has expired: set a new one by ALTER USER."),
    _transient(1927),
    _transient(1969, "The server ended the statement: see max_statement_time."),
    _transient(2002, "Is the server running, and is the socket's path right?"),
    _transient(2003, _NOT_REACHED),
    _transient(2006),
    _transient(2013),
    _transient(2014),
    _transient(2055),
    _permanent(2059, _PLUGIN),
    _permanent(
        AUTHENTICATION_REFUSED,
        "Is that the right server? Then give the account another authentication "
        "plugin, or name the server's ssl_ca in the URL.",
        "which is refused",
    ),
    _permanent(AUTHENTICATION_REFUSED, _PLUGIN),
    _transient(3024),
    _transient(3032, "The server is in offline_mode: wait, or turn that off."),
    _permanent(3098, _NO_KEY),
    _transient(3100, "Group replication refused the commit."),
    _transient(3101, "Group replication found a conflicting transaction."),
    _permanent(3118, "The account is locked: ALTER USER ... ACCOUNT UNLOCK."),
    _transient(3169),  # killed by an administrator
    _permanent(3750, _NO_KEY),
    _transient(4031),  # idle for too long
    _permanent(4151, "The account is locked: ALTER USER ... ACCOUNT UNLOCK."),
    _transient(
        9001,
        "ProxySQL reaches no server of the hostgroup: see its runtime_mysql_servers.",
    ),
    _permanent(
        9006,
        "A query rule of ProxySQL leads statements of one session to different "
        "hostgroups: let this account use the writers only (default_hostgroup, and no "
        "rule for it).",
    ),
)


def rule_of(code: int, message: str) -> Rule | None:
    """The first rule that fits; None for an error that isn't in the table."""
    for rule in RULES:
        if rule.code == code and re.search(rule.text, message, re.IGNORECASE):
            return rule
    return None


def is_transient(code: int, message: str) -> bool:
    """Whether another attempt makes sense; False for what isn't in the table."""
    rule = rule_of(code, message)
    return rule is not None and rule.is_transient


def advice(code: int, message: str) -> str:
    """What to do about it; may be empty."""
    rule = rule_of(code, message)
    return rule.advice if rule else ""
