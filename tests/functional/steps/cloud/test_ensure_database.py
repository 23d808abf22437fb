# SPDX-License-Identifier: Apache-2.0
"""``ensure-database`` on a real server."""

from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.mysql import sessions
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.steps.cloud.ensure_database import EnsureDatabase
from tests.functional.steps.target import DATABASE, Target, result_of, writes


def databases(target: Target) -> set[str]:
    return {name for (name,) in target.mariadb.execute("SHOW DATABASES")}


def test_creates_with_utf8mb4(target: Target) -> None:
    """A missing database is made in utf8mb4, not in the server's default."""
    result = result_of(EnsureDatabase(target.context()))
    assert (result.effect, result.made) == ("changed", (f"database:{DATABASE}",))
    charset = target.mariadb.execute(
        "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA"
        " WHERE SCHEMA_NAME = %s",
        (DATABASE,),
    )
    assert charset == [("utf8mb4",)]


def test_second_run_only_looks(target: Target) -> None:
    """The second run only reads, and reports nothing as made."""
    EnsureDatabase(target.context()).execute()
    mark = target.mariadb.mark()
    result = result_of(EnsureDatabase(target.context()))
    assert (result.effect, result.made, result.warnings) == ("unchanged", (), ())
    assert target.mariadb.statements(mark)
    assert writes(target.mariadb.statements(mark)) == []


def test_other_charset_is_a_warning(target: Target) -> None:
    """A database with another character set stays, with a warning."""
    target.mariadb.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET latin1")
    result = result_of(EnsureDatabase(target.context()))
    assert result.effect == "unchanged"
    assert "latin1" in result.warnings[0]


@pytest.mark.parametrize("name", ["a`b", "50%", "a'b\\c", "x" * 64, "ä_ö"])
def test_odd_names(target: Target, name: str) -> None:
    """A database of any allowed name is made, found again, and dropped by undo."""
    target.database = name
    step = EnsureDatabase(target.context())
    result = result_of(step)
    assert name in databases(target)
    assert result_of(EnsureDatabase(target.context())).effect == "unchanged"
    step.undo(result)
    assert name not in databases(target)


def test_undo_leaves_what_was_there(target: Target) -> None:
    """A revert doesn't drop a database that was there before."""
    target.mariadb.execute(f"CREATE DATABASE {DATABASE}")
    step = EnsureDatabase(target.context())
    step.revert(step.execute())
    assert DATABASE in databases(target)


def test_undo_after_a_crash_in_the_middle(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a run dies right after it made the database, the next run knows that."""

    class Killed(BaseException):
        """Like SIGKILL: nothing handles it."""

    def made_and_killed(*arguments: Any, **options: Any) -> bool:
        done(*arguments, **options)
        raise Killed

    killed, done = EnsureDatabase(target.context()), sessions.Session.done
    with monkeypatch.context() as patch:
        patch.setattr(sessions.Session, "done", made_and_killed)
        with pytest.raises(Killed):
            killed.execute()
    assert DATABASE in databases(target)
    following = EnsureDatabase(target.context())
    following.intents = killed.intents
    following.revert(following.execute())
    assert DATABASE not in databases(target)


@pytest.mark.parametrize(
    "made",
    [
        "VIEW {}.v AS SELECT 1",
        "PROCEDURE {}.p() SELECT 1",
        "FUNCTION {}.f() RETURNS INT RETURN 1",
        "EVENT {}.e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
    ],
)
def test_undo_leaves_a_database_with_more_than_tables(
    target: Target, made: str
) -> None:
    """A revert keeps the database if somebody has made a view or a program in it."""
    step = EnsureDatabase(target.context())
    result = step.execute()
    target.mariadb.execute(f"CREATE {made.format(DATABASE)}")
    step.revert(result)
    assert DATABASE in databases(target)


@pytest.mark.parametrize(("rows", "kept"), [(0, False), (1, True)])
def test_undo_looks_for_rows(target: Target, rows: int, kept: bool) -> None:
    """A revert drops the database that the step made, unless a table has rows."""
    step = EnsureDatabase(target.context())
    result = step.execute()
    target.mariadb.execute(f"CREATE TABLE {DATABASE}.t (a INT)")
    for number in range(rows):
        target.mariadb.execute(f"INSERT INTO {DATABASE}.t VALUES ({number})")
    step.revert(result)
    assert (DATABASE in databases(target)) is kept
    step.revert(result)  # again, as after a crash


def test_admin_without_privilege(target: Target) -> None:
    """An admin account without the privilege is a permanent error."""
    target.mariadb.execute("CREATE USER weak@localhost IDENTIFIED BY 'w'")
    target.admin, target.admin_password = "weak", "w"
    with pytest.raises(PermanentError, match=r"\[1044\]"):
        EnsureDatabase(target.context()).execute()


def test_wrong_admin_password(target: Target) -> None:
    """A wrong admin password is a permanent error, which doesn't show it."""
    target.admin_password = "wrong-secret"
    with pytest.raises(PermanentError, match=r"\[1045\]") as caught:
        EnsureDatabase(target.context()).execute()
    assert "wrong-secret" not in str(caught.value)


def test_server_away_is_transient(target: Target) -> None:
    """A stopped server is a transient error; once it runs, the step succeeds."""
    target.mariadb.kill()
    try:
        with pytest.raises(TransientError, match=r"\[2003\]"):
            EnsureDatabase(target.context()).execute()
    finally:
        target.mariadb.start()
    assert result_of(EnsureDatabase(target.context())).effect == "changed"


def test_sqlite_folder(target: Target, tmp_path: Path) -> None:
    """With SQLite the first run makes the folder of the file."""
    context = target.sqlite(tmp_path / "new" / "deep" / "octavia.db")
    assert result_of(EnsureDatabase(context)).effect == "changed"
    assert (tmp_path / "new" / "deep").is_dir()
    assert result_of(EnsureDatabase(context)).effect == "unchanged"


def test_sqlite_folder_in_the_way(target: Target, tmp_path: Path) -> None:
    """A file in place of the folder is a permanent error."""
    (tmp_path / "file").write_text("")
    context = target.sqlite(tmp_path / "file" / "octavia.db")
    with pytest.raises(PermanentError, match="persistence_connection"):
        EnsureDatabase(context).execute()
