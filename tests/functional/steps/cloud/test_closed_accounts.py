# SPDX-License-Identifier: Apache-2.0
"""Accounts that are closed to Octavia, and new ones that would close its database."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.cloud.check_prerequisites import CheckPrerequisites
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from tests.functional.steps.target import DATABASE, Target, writes


@pytest.fixture(autouse=True)
def database(target: Target) -> None:
    target.mariadb.execute(f"CREATE DATABASE {DATABASE}")


def _works(spec: Spec, secrets: Secrets) -> tuple[str, ...]:
    return ()


def _hosts(target: Target) -> set[str]:
    rows = target.mariadb.execute("SELECT host FROM mysql.user WHERE user = 'octavia'")
    return {host for (host,) in rows}


CLOSED = (
    ("IDENTIFIED VIA unix_socket", "system user"),
    (f"IDENTIFIED BY '{'x' * 9}' ACCOUNT LOCK", "ACCOUNT UNLOCK"),
    (f"IDENTIFIED BY '{'x' * 9}' PASSWORD EXPIRE", "has expired"),
    (f"IDENTIFIED BY '{'x' * 9}' REQUIRE X509", "REQUIRE X509"),
)


@pytest.mark.parametrize(("how", "word"), CLOSED)
def test_an_account_that_is_closed_is_named_before_anything_is_made(
    target: Target, how: str, word: str
) -> None:
    """Both steps name it and what to do, and neither writes."""
    target.password = "x" * 9
    target.mariadb.execute(f"CREATE USER octavia@'%' {how}")
    mark = target.mariadb.mark()
    context = target.context()
    for step in (
        CheckPrerequisites(context, _works),
        EnsureDatabaseAccounts(context),
    ):
        with pytest.raises(PermanentError) as caught:
            step.execute()
        assert "'octavia'@'%'" in caught.value.why
        assert word in caught.value.why
    assert writes(target.mariadb.statements(mark)) == []


def _with_main_database(target: Target, *statements: str) -> Context:
    """Octavia's main database, with one table, and an account at any host."""
    for sql in (
        "CREATE DATABASE octavia",
        "CREATE TABLE octavia.load_balancer (id INT)",
        *statements,
    ):
        target.mariadb.execute(sql)
    context = target.context()
    file = Path(context.host.config_file)
    server = target.mariadb
    url = f"mysql+pymysql://octavia:{target.password}@{server.host}:{server.port}"
    text = f"[database]\nconnection = {url}/octavia\n"
    file.write_text(f"{file.read_text()}{text}")
    return context


def _sees_main_database(target: Target) -> bool:
    opened = target.mariadb.connect(user="octavia", password=target.password)
    with contextlib.closing(opened):
        cursor = opened.cursor()
        cursor.execute("SHOW DATABASES LIKE 'octavia'")
        return bool(cursor.fetchall())


_CLOSING: Sequence[str] = (
    "CREATE USER octavia@'%' IDENTIFIED BY 'only-letters'",
    # A new account at localhost would not have this.
    "GRANT ALL ON *.* TO octavia@'%'",
)


def test_what_closes_the_main_database_is_removed_again(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the prediction missed, the login before and after it tells."""
    target.password = "only-letters"
    context = _with_main_database(target, *_CLOSING)
    monkeypatch.setattr(
        "amphv2_bootstrap.steps.cloud.ensure_database_accounts.stands_in",
        lambda *_: None,
    )
    step = EnsureDatabaseAccounts(context)
    with pytest.raises(PermanentError, match="main database") as caught:
        step.execute()
    assert "removed again" in caught.value.why
    assert "octavia@localhost" in caught.value.why
    assert _sees_main_database(target)
    assert _hosts(target) == {"%"}
    assert step.intents.all() == ()


def test_a_database_that_stays_open_is_no_obstacle(target: Target) -> None:
    """Rights on the whole database count for the new account at localhost, too."""
    target.password = "only-letters"
    context = _with_main_database(
        target,
        "CREATE USER octavia@'%' IDENTIFIED BY 'only-letters'",
        "GRANT ALL ON octavia.* TO octavia@'%'",
    )
    EnsureDatabaseAccounts(context).execute()
    assert _hosts(target) == {"%", "localhost"}
    assert _sees_main_database(target)


def test_a_main_database_that_was_away_before_is_no_obstacle(target: Target) -> None:
    """Of a login that failed before, nothing can be lost."""
    context = target.context()
    file = Path(context.host.config_file)
    wrong = "[database]\nconnection = mysql+pymysql://octavia:wrong@127.0.0.1:1/octavia"
    file.write_text(f"{file.read_text()}{wrong}\n")
    EnsureDatabaseAccounts(context).execute()
    assert _hosts(target) == {"%", "localhost"}
