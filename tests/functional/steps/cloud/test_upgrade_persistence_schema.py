# SPDX-License-Identifier: Apache-2.0
"""``upgrade-persistence-schema`` with real Octavia on a real server."""

import sqlite3
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from amphv2_bootstrap.adapters.mysql.named_locks import lock_name
from amphv2_bootstrap.adapters.octavia import db_manage
from amphv2_bootstrap.adapters.schema.persistence_schema import KNOWN_HEAD, TABLES
from amphv2_bootstrap.errors import (
    CancelledError,
    PermanentError,
    TransientError,
)
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.steps.base import StepResult
from amphv2_bootstrap.steps.cloud.ensure_database import EnsureDatabase
from amphv2_bootstrap.steps.cloud.ensure_database_accounts import EnsureDatabaseAccounts
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from tests.functional.steps.older_schema import OlderSchema
from tests.functional.steps.target import (
    DATABASE,
    PASSWORD,
    Target,
    at_once,
    mode,
    result_of,
    writes,
)
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_octavia
from tests.servers.process import wait_until

KILLER = Path(__file__).parent.with_name("killed_db_manage.py")
DDL_LOCK = lock_name("amphv2-ddl", DATABASE)


def schema(server: MariaDB) -> dict[str, str]:
    """The definition of each table, as the server prints it."""
    tables = server.execute(f"SHOW TABLES FROM `{DATABASE}`")
    return {
        name: server.execute(f"SHOW CREATE TABLE `{DATABASE}`.`{name}`")[0][1]
        for (name,) in tables
    }


def revision(server: MariaDB) -> str:
    rows = server.execute(f"SELECT version_num FROM `{DATABASE}`.alembic_version")
    number: str = rows[0][0]
    return number


@pytest.fixture(scope="module")
def fresh_schema(mariadb_server: MariaDB) -> dict[str, str]:
    """The tables that an undisturbed octavia-db-manage makes."""
    mariadb_server.clean()
    mariadb_server.execute(f"CREATE DATABASE `{DATABASE}` CHARACTER SET utf8mb4")
    OlderSchema(mariadb_server).migrate("head")
    return schema(mariadb_server)


def test_makes_the_tables(fresh_schema: dict[str, str], prepared: Target) -> None:
    """The tables equal Octavia's own, and the second run only reads."""
    result = result_of(UpgradePersistenceSchema(prepared.context()))
    assert (result.effect, result.made) == ("changed", (f"schema:{DATABASE}",))
    assert schema(prepared.mariadb) == fresh_schema
    assert revision(prepared.mariadb) == KNOWN_HEAD
    assert list(prepared.state_path.iterdir()) == []

    mark = prepared.mariadb.mark()
    prepared.db_manage = ("/nonexistent/never-run",)
    result = result_of(UpgradePersistenceSchema(prepared.context()))
    assert (result.effect, result.made) == ("unchanged", ())
    assert prepared.mariadb.statements(mark)
    assert writes(prepared.mariadb.statements(mark)) == []


def test_password_is_in_no_statement(prepared: Target) -> None:
    """No statement on the server has the password."""
    result_of(UpgradePersistenceSchema(prepared.context()))
    assert "p@s:s" not in "\n".join(prepared.mariadb.statements())


def test_many_at_once(fresh_schema: dict[str, str], prepared: Target) -> None:
    """Eight steps at once on an empty database succeed; one makes the tables."""
    results = at_once(8, lambda: UpgradePersistenceSchema(prepared.context()))
    assert sorted(one.effect for one in results) == ["changed"] + ["unchanged"] * 7
    made = [
        s for s in prepared.mariadb.statements() if s.startswith("CREATE TABLE log")
    ]
    assert len(made) == 1
    assert schema(prepared.mariadb) == fresh_schema


@pytest.mark.parametrize("point", [1, 6, 12, 19, 32, 45])
def test_killed_before_and_run_again(
    fresh_schema: dict[str, str], prepared: Target, point: int
) -> None:
    """After a kill at any moment, the next run makes the same tables."""
    killed = replace(prepared, db_manage=killer(prepared, point))
    command = db_manage.upgrade_persistence(
        killed.context().host,
        killed.context().spec.persistence,
        PASSWORD,
        masker=Masker([PASSWORD]),
        cancelled=threading.Event(),
    )
    assert (command.returncode, command.transient) == (-9, True)
    assert schema(prepared.mariadb) != fresh_schema
    result_of(UpgradePersistenceSchema(prepared.context()))
    assert schema(prepared.mariadb) == fresh_schema
    assert revision(prepared.mariadb) == KNOWN_HEAD


def killer(target: Target, point: int) -> tuple[str, ...]:
    python = str(find_octavia() / "bin" / "python")
    return (python, str(KILLER), str(point), str(target.folder / "killed"))


def test_killed_within_the_step(fresh_schema: dict[str, str], prepared: Target) -> None:
    """A killed db-manage is a transient error; the next attempt succeeds."""
    prepared.db_manage = killer(prepared, 9)
    result = result_of(UpgradePersistenceSchema(prepared.context(patience=60)))
    assert result.made == (f"schema:{DATABASE}",)
    assert schema(prepared.mariadb) == fresh_schema


def test_tables_of_no_revision_are_left_alone(prepared: Target) -> None:
    """Tables with rows that match no revision are an error with the reason."""
    server = prepared.mariadb
    server.execute(f"CREATE TABLE `{DATABASE}`.logbooks (uuid VARCHAR(64))")
    server.execute(f"INSERT INTO `{DATABASE}`.logbooks VALUES ('one')")
    mark = server.mark()
    with pytest.raises(PermanentError, match=r"logbooks\.meta text is missing"):
        UpgradePersistenceSchema(prepared.context()).execute()
    assert writes(server.statements(mark)) == []
    assert server.execute(f"SELECT uuid FROM `{DATABASE}`.logbooks") == [("one",)]


def test_tables_gone_but_revision_there(
    fresh_schema: dict[str, str], prepared: Target
) -> None:
    """A missing table, which db-manage ignores at this revision, is made."""
    result_of(UpgradePersistenceSchema(prepared.context()))
    server = prepared.mariadb
    server.execute(f"DROP TABLE `{DATABASE}`.atomdetails")
    result_of(UpgradePersistenceSchema(prepared.context()))
    assert schema(server) == fresh_schema


def test_older_release_with_rows_is_upgraded_in_place(
    fresh_schema: dict[str, str], prepared: Target
) -> None:
    """The tables of an older taskflow keep their rows, and don't count as made."""
    server = prepared.mariadb
    OlderSchema(server).migrate("40fc8c914bd2")
    server.execute(f"INSERT INTO `{DATABASE}`.logbooks (uuid) VALUES ('one')")
    result = result_of(UpgradePersistenceSchema(prepared.context()))
    assert (result.effect, result.made) == ("changed", ())
    assert schema(server) == fresh_schema
    assert server.execute(f"SELECT uuid FROM `{DATABASE}`.logbooks") == [("one",)]


def test_database_of_another_program(prepared: Target) -> None:
    """A database with another program's migrations isn't changed."""
    server = prepared.mariadb
    server.execute(f"CREATE TABLE `{DATABASE}`.alembic_version (version_num CHAR(12))")
    server.execute(f"INSERT INTO `{DATABASE}`.alembic_version VALUES ('deadbeef')")
    mark = server.mark()
    with pytest.raises(PermanentError, match="a different program"):
        UpgradePersistenceSchema(prepared.context()).execute()
    assert writes(server.statements(mark)) == []


def test_waits_for_another_connection(prepared: Target) -> None:
    """While another connection changes tables, the step changes none."""
    other = prepared.mariadb.connect()
    assert ask(other, "SELECT GET_LOCK(%s, 0)", DDL_LOCK) == 1
    results: list[str] = []
    thread = threading.Thread(
        target=lambda: results.append(
            result_of(UpgradePersistenceSchema(prepared.context())).effect
        )
    )
    thread.start()
    try:
        wait_until(
            lambda: prepared.mariadb.execute(
                "SELECT 1 FROM information_schema.PROCESSLIST"
                " WHERE USER = 'octavia' AND STATE = 'User lock'"
            ),
            what="the step waits for the lock",
            state=lambda: prepared.mariadb.execute("SHOW FULL PROCESSLIST"),
        )
        assert schema(prepared.mariadb) == {}
    finally:
        other.close()
        thread.join()
    assert results == ["changed"]


def ask(connection: pymysql.Connection, sql: str, *args: object) -> object:
    cursor = connection.cursor()
    cursor.execute(sql, args)
    return cursor.fetchall()[0][0]


def test_lock_not_got_is_transient(prepared: Target) -> None:
    """db-manage fails before its first statement if it can't get the lock."""
    other = prepared.mariadb.connect()
    assert ask(other, "SELECT GET_LOCK(%s, 0)", DDL_LOCK) == 1
    host = prepared.context().host
    url = db_manage.guarded(prepared.context().spec.persistence, DDL_LOCK, 0)
    try:
        completed = db_manage.upgrade_persistence(
            host, url, PASSWORD, masker=Masker([PASSWORD]), cancelled=threading.Event()
        )
    finally:
        other.close()
    assert completed.transient
    assert completed.returncode != 0
    assert "1242" in completed.output
    assert schema(prepared.mariadb) == {}


@pytest.mark.parametrize("code", [1105, 1235])
def test_server_that_refuses_locks(
    prepared: Target, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Percona in strict mode, and MariaDB where it knows none: the tables are made."""
    OlderSchema(prepared.mariadb).migrate("head")
    prepared.mariadb.execute(f"DROP TABLE `{DATABASE}`.atomdetails")
    execute: Callable[..., int] = pymysql.cursors.Cursor.execute

    def refusing(cursor: Any, query: str, args: Any = None) -> int:
        if "GET_LOCK" in query or query.startswith("LOCK TABLES"):
            raise pymysql.err.OperationalError(code, "prohibited")
        return execute(cursor, query, args)

    monkeypatch.setattr(pymysql.cursors.Cursor, "execute", refusing)
    mark = prepared.mariadb.mark()
    step = UpgradePersistenceSchema(prepared.context())
    assert result_of(step).effect == "changed"
    assert revision(prepared.mariadb) == KNOWN_HEAD
    sent = prepared.mariadb.statements(mark)  # octavia-db-manage's, too
    assert not [one for one in sent if "GET_LOCK" in one or "LOCK TABLES" in one]


def test_superseded_conductor_changes_nothing(prepared: Target) -> None:
    """The step confirms its claim last before it changes anything."""
    step = UpgradePersistenceSchema(prepared.context())

    def superseded(_what: str) -> None:
        raise PermanentError("go on", why="another conductor has taken the flow")

    step.confirm_claim = superseded
    with pytest.raises(PermanentError, match="another conductor"):
        step.execute()
    assert schema(prepared.mariadb) == {}
    OlderSchema(prepared.mariadb).migrate("40fc8c914bd2")
    prepared.mariadb.execute(f"DROP TABLE `{DATABASE}`.atomdetails")
    before = schema(prepared.mariadb)
    with pytest.raises(PermanentError, match="another conductor"):
        step.execute()
    with pytest.raises(PermanentError, match="another conductor"):
        step.undo(StepResult("changed", "", made=(f"schema:{DATABASE}",)))
    assert schema(prepared.mariadb) == before


def test_cancelled_while_waiting(prepared: Target) -> None:
    """A step that is cancelled while it waits for the lock stops."""
    other = prepared.mariadb.connect()
    ask(other, "SELECT GET_LOCK(%s, 0)", lock_name("amphv2-upgrade", DATABASE))
    context = prepared.context()
    context.cancelled.set()
    context = replace(context, host=replace(context.host, octavia_python="/bin/false"))
    try:
        with pytest.raises(CancelledError):
            UpgradePersistenceSchema(context).execute()
    finally:
        other.close()


def fake_db_manage(target: Target, body: str) -> None:
    """Use a short Python program as db-manage, and no Python of Octavia."""
    script = target.folder / "octavia-db-manage"
    script.write_text(f"#!{sys.executable}\nimport os, sys, pathlib\n{body}\n")
    script.chmod(0o755)
    target.db_manage = (str(script),)
    target.octavia_python = "/bin/false"
    EnsureDatabase(target.context()).execute()
    EnsureDatabaseAccounts(target.context()).execute()


def test_exit_code_zero_without_tables(target: Target) -> None:
    """A db-manage that reports success but does nothing is an error."""
    fake_db_manage(target, "sys.exit(0)")
    with pytest.raises(PermanentError, match="exit code 0") as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert "tables: none" in str(caught.value)


def test_overlay_is_private_and_gone(target: Target) -> None:
    """The overlay has mode 0600 while db-manage runs, and is removed when it fails."""
    fake_db_manage(
        target,
        "seen = pathlib.Path(sys.argv[4])\n"
        "print(oct(seen.stat().st_mode), sys.argv[1], sys.argv[3], sys.argv[5])\n"
        "print(seen.read_text())\n"
        "sys.exit(1)",
    )
    with pytest.raises(PermanentError) as caught:
        UpgradePersistenceSchema(target.context()).execute()
    text = str(caught.value)
    assert "0o100600 --config-file --config-file upgrade_persistence" in text
    assert "mysql+pymysql://octavia:***@127.0.0.1" in text
    assert list(target.state_path.iterdir()) == []


def test_overlay_of_a_killed_run_is_removed(target: Target) -> None:
    """The overlay of a killed run is removed; files in use and others stay."""
    target.state_path.mkdir()
    orphan = target.state_path / "persistence-overlay-dead.conf"
    orphan.write_text("secret")
    other = target.state_path / "other.conf"
    other.write_text("")
    with db_manage.overlay(target.state_path, "sqlite://") as used:
        db_manage.remove_orphans(target.state_path)
        assert set(target.state_path.iterdir()) == {used, other}
        assert mode(used) == 0o600
    assert set(target.state_path.iterdir()) == {other}


@pytest.mark.parametrize("form", ["print(secret)", "print(secret.replace('$', '$$'))"])
def test_secrets_in_the_output_are_masked(target: Target, form: str) -> None:
    """If db-manage prints the password, the error masks it."""
    fake_db_manage(
        target, f"secret = {PASSWORD!r}\n{form}\nsys.exit('no ' + repr(secret))"
    )
    with pytest.raises(PermanentError) as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert "p@s:s" not in str(caught.value)
    assert "no '***'" in str(caught.value)


def test_hanging_db_manage(target: Target) -> None:
    """A db-manage that hangs is stopped; the error is transient and masked."""
    fake_db_manage(target, f"print({PASSWORD!r}, flush=True)\nos.read(os.pipe()[0], 1)")
    target.timeout = 1.0
    with pytest.raises(TransientError, match="did not end within 1 s") as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert "p@s:s" not in str(caught.value)
    assert list(target.state_path.iterdir()) == []


def test_account_refused(target: Target) -> None:
    """A wrong password is a permanent error, before db-manage runs."""
    fake_db_manage(target, "pathlib.Path('/nonexistent/run').touch()")
    target.password = "wrong-secret"
    with pytest.raises(PermanentError, match=r"\[1045\]") as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("rows", [0, 1])
def test_undo(prepared: Target, rows: int) -> None:
    """A revert drops the tables that the step made, unless they have rows."""
    step = UpgradePersistenceSchema(prepared.context())
    result = step.execute()
    for _ in range(rows):
        prepared.mariadb.execute(f"INSERT INTO `{DATABASE}`.logbooks SET uuid = 'one'")
    step.revert(result)
    assert bool(schema(prepared.mariadb)) is bool(rows)


def test_undo_of_a_failed_step(prepared: Target) -> None:
    """A revert also drops the tables of a step that was cut off while it made them."""
    prepared.db_manage = killer(prepared, 9)
    step = UpgradePersistenceSchema(prepared.context())
    with pytest.raises(TransientError):
        step.execute()
    assert schema(prepared.mariadb) != {}
    step.revert(None)
    assert schema(prepared.mariadb) == {}


def test_undo_leaves_what_was_there(prepared: Target) -> None:
    """A revert of a step that changed nothing drops nothing."""
    UpgradePersistenceSchema(prepared.context()).execute()
    step = UpgradePersistenceSchema(prepared.context())
    step.revert(step.execute())
    assert set(schema(prepared.mariadb)) == TABLES | {"alembic_version"}


def test_sqlite(prepared: Target, tmp_path: Path) -> None:
    """In a SQLite file the tables are made; the second run only reads."""
    path = tmp_path / "octavia persistence.db"
    context = prepared.sqlite(path)
    assert result_of(UpgradePersistenceSchema(context)).effect == "changed"
    tables = sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall()
    assert {name for (name,) in tables} >= TABLES
    before = path.read_bytes()
    never = replace(context, host=replace(context.host, db_manage_command=("/no",)))
    assert result_of(UpgradePersistenceSchema(never)).effect == "unchanged"
    assert path.read_bytes() == before


def test_sqlite_without_tables(target: Target, tmp_path: Path) -> None:
    """With SQLite, too, exit code 0 without tables is an error."""
    fake_db_manage(target, "sys.exit(0)")
    with pytest.raises(PermanentError, match="exit code 0"):
        UpgradePersistenceSchema(target.sqlite(tmp_path / "o.db")).execute()
