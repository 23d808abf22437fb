# SPDX-License-Identifier: Apache-2.0
"""Making accounts, and their stored passwords."""

import pytest

from amphv2_bootstrap.adapters.mysql import sessions
from amphv2_bootstrap.adapters.mysql.accounts import (
    Account,
    create_account,
    native_digest,
)
from amphv2_bootstrap.adapters.mysql.errors import DatabaseRefusalError
from amphv2_bootstrap.spec.secret import Secret


def test_native_digest() -> None:
    """The digest is the one that servers compute."""
    digest = native_digest("password")
    assert digest == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
    account = Account("o", "%", "mysql_native_password", digest.lower())
    assert account.accepts("password") is True
    assert account.accepts("other") is False
    assert Account("o", "%", "caching_sha2_password", None).accepts("x") is None


class PolicySession:
    """A MariaDB that refuses digests, as with a password policy."""

    def __init__(self, accepts_plain: bool) -> None:
        self.accepts_plain = accepts_plain
        self.sent: list[str] = []

    def server(self) -> sessions.Server:
        return sessions.parse_server("10.6.16-MariaDB", "")

    def run(self, statement: sessions.Statement, unless: tuple[int, ...] = ()) -> bool:
        secret = statement.args[-1]
        assert isinstance(secret, Secret)
        self.sent.append(secret.reveal())
        if "PASSWORD" in statement.sql or not self.accepts_plain:
            error = DatabaseRefusalError("create", why="policy")
            error.code = 1819
            raise error
        return True


def test_password_policy() -> None:
    """A server that refuses digests gets the password; its next refusal is raised."""
    session = PolicySession(accepts_plain=True)
    assert create_account(session, "o", "%", "word")  # type: ignore[arg-type]
    assert session.sent == [native_digest("word"), "word"]
    with pytest.raises(DatabaseRefusalError):
        create_account(
            PolicySession(accepts_plain=False),  # type: ignore[arg-type]
            "o",
            "%",
            "word",
        )
