# SPDX-License-Identifier: Apache-2.0
"""Accounts that Octavia can't log in to, by what SHOW CREATE USER says of them."""

import importlib.util

import pytest

from amphv2_bootstrap.adapters.mysql.account_state import (
    AccountState,
    doubts,
    obstacles,
    parse,
)
from amphv2_bootstrap.adapters.mysql.accounts import Account
from amphv2_bootstrap.spec import tls

_MARIADB = "CREATE USER `octavia`@`%` IDENTIFIED "
_MYSQL = (
    "CREATE USER `octavia`@`%` IDENTIFIED WITH '{}' AS '$A$005$OR ACCOUNT LOCK\\'x' "
    "REQUIRE {} PASSWORD EXPIRE{} ACCOUNT {} PASSWORD HISTORY DEFAULT"
)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (
            _MARIADB + "BY PASSWORD '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'",
            AccountState(("mysql_native_password",)),
        ),
        (
            _MARIADB + "VIA ed25519 USING 'OR x' OR unix_socket REQUIRE SSL",
            AccountState(("ed25519", "unix_socket"), demands="SSL"),
        ),
        (
            _MARIADB + "VIA unix_socket PASSWORD EXPIRE ACCOUNT LOCK",
            AccountState(("unix_socket",), True, True),
        ),
        (
            _MYSQL.format("caching_sha2_password", "NONE", " DEFAULT", "UNLOCK"),
            AccountState(("caching_sha2_password",)),
        ),
        (
            _MYSQL.format("sha256_password", "X509", "", "LOCK"),
            AccountState(("sha256_password",), True, True, "X509"),
        ),
        (
            _MYSQL.format("mysql_native_password", "NONE", " INTERVAL 9 DAY", "UNLOCK"),
            AccountState(("mysql_native_password",)),
        ),
    ],
)
def test_show_create_user_is_read(text: str, state: AccountState) -> None:
    """Plugins, lock, expiry and demands; words within a stored password don't count."""
    assert parse(text) == state


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (AccountState(("mysql_native_password",)), ""),
        (AccountState(("unix_socket", "mysql_native_password")), ""),
        (AccountState(("mysql_native_password",), True), "ACCOUNT UNLOCK"),
        (
            AccountState(("mysql_native_password",), False, True),
            "PASSWORD EXPIRE NEVER",
        ),
        (AccountState(("unix_socket",)), "system user"),
        (AccountState(("auth_socket",)), "system user"),
        (AccountState(("sha256_password",)), "in clear"),
        (AccountState(("parsec",)), "doesn't know it"),
        (AccountState(("mysql_native_password",), demands="X509"), "REQUIRE X509"),
    ],
)
def test_an_account_that_is_closed_to_octavia_is_named(
    state: AccountState, word: str
) -> None:
    """One sentence names the account, the reason, and what to do."""
    account = Account("octavia", "%", state.plugins[0], None)
    found = list(obstacles(account, state, tls.meaning({})))
    assert len(found) == (1 if word else 0)
    assert all("'octavia'@'%'" in text and word in text for text in found)


@pytest.mark.parametrize("is_there", [True, False])
def test_ed25519_needs_a_library(
    is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyMySQL logs in by ed25519 only where PyNaCl is installed."""
    spec = importlib.util.find_spec("json") if is_there else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    account = Account("octavia", "%", "ed25519", None)
    found = list(obstacles(account, AccountState(("ed25519",)), tls.meaning({})))
    assert (found == []) is is_there
    assert all("PyNaCl" in text for text in found)


def test_tls_removes_the_doubts() -> None:
    """caching_sha2_password and REQUIRE SSL are sound with ssl_ca."""
    account = Account("octavia", "%", "caching_sha2_password", None)
    state = AccountState(("caching_sha2_password",), demands="SSL")
    assert len(list(doubts(account, state, tls.meaning({})))) == 2
    assert list(doubts(account, state, tls.meaning({"ssl_ca": "/ca"}))) == []
    assert list(obstacles(account, state, tls.meaning({"ssl_disabled": "1"})))
