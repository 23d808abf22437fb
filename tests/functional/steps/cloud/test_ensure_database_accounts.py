# SPDX-License-Identifier: Apache-2.0
"""``ensure-database-accounts`` on a real server."""

import contextlib
from typing import Any

import pymysql
import pytest
from taskflow.types.failure import Failure

from amphv2_bootstrap.adapters.mysql import account_state, accounts
from amphv2_bootstrap.errors import BootstrapError, PermanentError
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from tests.functional.steps.target import (
    DATABASE,
    PASSWORD,
    Target,
    at_once,
    result_of,
    writes,
)
from tests.servers.mariadb import MariaDB


@pytest.fixture(autouse=True)
def database(target: Target) -> None:
    target.mariadb.execute(f"CREATE DATABASE {DATABASE}")


def account_hosts(server: MariaDB, user: str = "octavia") -> set[str]:
    rows = server.execute("SELECT host FROM mysql.user WHERE user = %s", (user,))
    return {host for (host,) in rows}


def grants(server: MariaDB, host: str) -> list[str]:
    return [g for (g,) in server.execute("SHOW GRANTS FOR octavia@%s", (host,))]


def test_makes_accounts_that_work(target: Target) -> None:
    """Both accounts are made, and a password with special characters works."""
    result = result_of(EnsureDatabaseAccounts(target.context()))
    assert result.made == (
        "account:octavia@localhost",
        "grant:octavia@localhost",
        "account:octavia@%",
        "grant:octavia@%",
    )
    assert result.warnings == ()
    server = target.mariadb
    pymysql.connect(
        host=server.host,
        port=server.port,
        user="octavia",
        password=PASSWORD,
        database=DATABASE,
    ).close()


def test_second_run_only_looks(target: Target) -> None:
    """The second run only reads."""
    EnsureDatabaseAccounts(target.context()).execute()
    mark = target.mariadb.mark()
    result = result_of(EnsureDatabaseAccounts(target.context()))
    assert (result.effect, result.made) == ("unchanged", ())
    assert target.mariadb.statements(mark)
    assert writes(target.mariadb.statements(mark)) == []


def test_password_is_in_no_statement(target: Target) -> None:
    """The server's log of statements never has the password."""
    EnsureDatabaseAccounts(target.context()).execute()
    text = "\n".join(target.mariadb.statements())
    assert "CREATE USER 'octavia'@'localhost'" in text
    assert PASSWORD not in text
    assert "p@s:s" not in text


def test_grant_is_for_one_database_only(target: Target) -> None:
    """``_`` in the name is no wildcard: a similar database stays closed."""
    target.mariadb.execute("CREATE DATABASE octaviaXpersistence")
    EnsureDatabaseAccounts(target.context()).execute()
    server = target.mariadb
    with pytest.raises(pymysql.err.OperationalError, match="1044"):
        pymysql.connect(
            host=server.host,
            port=server.port,
            user="octavia",
            password=PASSWORD,
            database="octaviaXpersistence",
        )


def test_existing_account_keeps_its_password(target: Target) -> None:
    """An existing account with the right password only gets the missing grant."""
    target.mariadb.execute(
        "CREATE USER octavia@localhost IDENTIFIED BY %s", (PASSWORD,)
    )
    target.grant_hosts = ("localhost",)
    result = result_of(EnsureDatabaseAccounts(target.context()))
    assert result.made == ("grant:octavia@localhost",)


@pytest.mark.parametrize("host", ["localhost", "%"])
def test_other_password_is_never_reset(target: Target, host: str) -> None:
    """An account with another password is an error with remedies; nothing changes."""
    target.mariadb.execute("CREATE USER octavia@%s IDENTIFIED BY 'other'", (host,))
    mark = target.mariadb.mark()
    with pytest.raises(PermanentError, match="another password") as caught:
        EnsureDatabaseAccounts(target.context()).execute()
    assert f"ALTER USER 'octavia'@'{host}'" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert writes(target.mariadb.statements(mark)) == []
    assert account_hosts(target.mariadb) == {host}


def test_password_of_a_kind_that_cannot_be_compared(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a password can neither be compared nor tried, a warning says so."""
    monkeypatch.setattr(account_state, "_is_usable", lambda *_: True)
    target.mariadb.execute("CREATE USER octavia@'%' IDENTIFIED VIA unix_socket")
    result = result_of(EnsureDatabaseAccounts(target.context()))
    assert "'octavia'@'%' could not be proven" in result.warnings[0]
    assert "unix_socket" in result.warnings[0]


def test_anonymous_account_shadows(target: Target) -> None:
    """The error explains that ``''@localhost`` catches the logins of ``%``."""
    target.mariadb.execute("CREATE USER ''@localhost IDENTIFIED BY 'anonymous'")
    target.grant_hosts = ("%",)
    with pytest.raises(PermanentError, match="anonymous account ''@'localhost'"):
        EnsureDatabaseAccounts(target.context()).execute()


def test_anonymous_account_elsewhere_is_a_warning(target: Target) -> None:
    """An anonymous account that catches other hosts' logins is a warning."""
    target.mariadb.execute("CREATE USER ''@'10.0.0.5' IDENTIFIED BY 'anonymous'")
    result = result_of(EnsureDatabaseAccounts(target.context()))
    assert "''@'10.0.0.5'" in result.warnings[0]


def test_more_specific_account_is_a_warning(target: Target) -> None:
    """An account for one host is a warning if it lacks the grant.

    A different password of it is another warning.
    """
    target.mariadb.execute("CREATE USER octavia@'10.0.0.5' IDENTIFIED BY 'x'")
    result = result_of(EnsureDatabaseAccounts(target.context()))
    shadow, password = result.warnings
    assert "'octavia'@'10.0.0.5'" in shadow
    assert "'octavia'@'10.0.0.5' has a different password" in password
    assert account_hosts(target.mariadb) == {"localhost", "%", "10.0.0.5"}


def _main_login(target: Target) -> str:
    """The account that serves a login to Octavia's main database by the socket."""
    connection = pymysql.connect(
        unix_socket=target.mariadb.socket, user="octavia", password=PASSWORD
    )
    with contextlib.closing(connection):
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE TABLE octavia.probe (a INT)")
        cursor.execute("SELECT CURRENT_USER()")
        row = cursor.fetchone()
    return str(row[0]) if row else ""


@pytest.mark.parametrize(
    ("rights", "hosts"),
    [
        ("ALL PRIVILEGES ON *.*", {"%"}),
        ("ALL PRIVILEGES ON octavia.*", {"%", "localhost"}),
    ],
)
def test_octavias_main_login_keeps_its_rights(
    target: Target, rights: str, hosts: set[str]
) -> None:
    """A new account that the server prefers is made only if nothing is lost by it.

    Source: specify/specify7 pull request 8388; bootstrap.yml of kolla-ansible.
    """
    server = target.mariadb
    server.execute("CREATE DATABASE octavia")
    server.execute("CREATE USER octavia@'%%' IDENTIFIED BY %s", (PASSWORD,))
    server.execute(f"GRANT {rights} TO octavia@'%'")
    assert _main_login(target) == "octavia@%"
    result = result_of(EnsureDatabaseAccounts(target.context()))
    assert account_hosts(server) == hosts
    assert _main_login(target)
    told = "\n".join(result.warnings)
    assert ("'octavia'@'localhost' is not made" in told) is (hosts == {"%"})
    again = result_of(EnsureDatabaseAccounts(target.context()))
    assert (again.effect, again.warnings) == ("unchanged", result.warnings)


def test_an_account_that_must_serve_but_gets_no_grant(target: Target) -> None:
    """Then nothing is made, and the error names both ways out."""
    server = target.mariadb
    server.execute("CREATE USER octavia@'%%' IDENTIFIED BY %s", (PASSWORD,))
    server.execute("GRANT SELECT ON *.* TO octavia@'%'")
    target.grant_hosts = ("localhost",)
    with pytest.raises(PermanentError, match=r"Add % to \[octavia\] grant_hosts"):
        EnsureDatabaseAccounts(target.context()).execute()
    assert account_hosts(server) == {"%"}


def test_undo_takes_back_what_it_made(target: Target) -> None:
    """A revert drops the accounts that the step made; a second one is harmless."""
    step = EnsureDatabaseAccounts(target.context())
    result = step.execute()
    step.revert(result)
    assert account_hosts(target.mariadb) == set()
    step.revert(result)


def _reverted(step: EnsureDatabaseAccounts) -> BootstrapError:
    """Run a step that fails, and revert it as taskflow does; its error."""
    with pytest.raises(BootstrapError) as caught:
        step.execute()
    step.revert(Failure.from_exception(caught.value))
    return caught.value


def test_undo_of_a_failed_step(target: Target) -> None:
    """A revert drops what was made before the login failed, and no other account."""
    target.mariadb.execute("CREATE USER ''@localhost IDENTIFIED BY 'anonymous'")
    target.grant_hosts = ("%",)
    _reverted(EnsureDatabaseAccounts(target.context()))
    assert account_hosts(target.mariadb) == set()
    assert account_hosts(target.mariadb, "") == {"localhost"}


def test_undo_of_a_failed_step_leaves_what_was_there(target: Target) -> None:
    """An existing account stays, and loses the grant that the step gave it."""
    server = target.mariadb
    server.execute("CREATE USER ''@localhost IDENTIFIED BY 'anonymous'")
    server.execute("CREATE USER octavia@%s IDENTIFIED BY %s", ("%", PASSWORD))
    before = grants(server, "%")
    target.grant_hosts = ("%",)
    _reverted(EnsureDatabaseAccounts(target.context()))
    assert grants(server, "%") == before


def test_undo_after_a_crash_in_the_middle(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a run dies right after it made an account, the next run knows that."""

    class Killed(BaseException):
        """Like SIGKILL: nothing handles it."""

    def made_and_killed(*arguments: Any) -> bool:
        create_account(*arguments)
        raise Killed

    killed = EnsureDatabaseAccounts(target.context())
    create_account = accounts.create_account
    with monkeypatch.context() as patch:
        patch.setattr(accounts, "create_account", made_and_killed)
        with pytest.raises(Killed):
            killed.execute()
    assert account_hosts(target.mariadb) == {"localhost"}
    following = EnsureDatabaseAccounts(target.context())
    following.intents = killed.intents
    result = following.execute()
    assert "account:octavia@localhost" in result["made"]
    following.revert(result)
    assert account_hosts(target.mariadb) == set()


def test_undo_leaves_what_was_there(target: Target) -> None:
    """A revert revokes the grant of an existing account, and changes nothing else."""
    server = target.mariadb
    server.execute("CREATE DATABASE octavia")
    server.execute("CREATE USER octavia@localhost IDENTIFIED BY %s", (PASSWORD,))
    server.execute("GRANT ALL ON octavia.* TO octavia@localhost")
    before = grants(server, "localhost")
    step = EnsureDatabaseAccounts(target.context())
    result = step.execute()
    assert grants(server, "localhost") != before
    step.revert(result)
    assert grants(server, "localhost") == before
    assert account_hosts(server) == {"localhost"}


def test_undo_leaves_a_partial_grant(target: Target) -> None:
    """Earlier privileges on the database stay after a revert."""
    server = target.mariadb
    server.execute("CREATE USER octavia@localhost IDENTIFIED BY %s", (PASSWORD,))
    server.execute(r"GRANT SELECT ON `octavia\_persistence`.* TO octavia@localhost")
    target.grant_hosts = ("localhost",)
    step = EnsureDatabaseAccounts(target.context())
    result = step.execute()
    assert result["effect"] == "changed"
    step.revert(result)
    assert any("octavia\\_persistence" in line for line in grants(server, "localhost"))


def test_undo_keeps_an_account_in_use(target: Target) -> None:
    """An account that was granted more privileges since is not dropped."""
    step = EnsureDatabaseAccounts(target.context())
    result = step.execute()
    target.mariadb.execute("GRANT SELECT ON mysql.* TO octavia@'%'")
    step.revert(result)
    assert account_hosts(target.mariadb) == {"%"}


def test_many_at_once(target: Target) -> None:
    """Eight steps at once on an empty server succeed; one makes each account."""
    results = at_once(8, lambda: EnsureDatabaseAccounts(target.context()))
    made = [one for result in results for one in result.made]
    accounts = [one for one in made if one.startswith("account:")]
    assert sorted(accounts) == ["account:octavia@%", "account:octavia@localhost"]


def test_sqlite_is_not_applicable(target: Target) -> None:
    """With SQLite the step does nothing."""
    context = target.sqlite(target.folder / "o.db")
    assert result_of(EnsureDatabaseAccounts(context)).effect == "not-applicable"


@pytest.mark.parametrize("password", ["", "pässword"])
def test_unusable_passwords(target: Target, password: str) -> None:
    """No password, and one that isn't ASCII, are refused."""
    target.password = password
    with pytest.raises(PermanentError, match="password"):
        EnsureDatabaseAccounts(target.context()).execute()
    assert account_hosts(target.mariadb) == set()
