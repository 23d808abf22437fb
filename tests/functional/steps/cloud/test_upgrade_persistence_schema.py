# SPDX-License-Identifier: Apache-2.0
"""``upgrade-persistence-schema`` with real Octavia on a real server."""

import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

from amphv2_bootstrap.adapters.mysql.sessions import lock_name
from amphv2_bootstrap.adapters.octavia import db_manage
from amphv2_bootstrap.adapters.schema.persistence_schema import KNOWN_HEAD, TABLES
from amphv2_bootstrap.errors import (
    BootstrapError,
    CancelledError,
    PermanentError,
    TransientError,
)
from amphv2_bootstrap.spec.masking import Masker
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
    mode,
    result_of,
    writes,
)
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_octavia
from tests.servers.process import wait_until

KILLER = Path(__file__).parent.with_name("killed_db_manage.py")
DDL_LOCK = lock_name("amphv2-ddl", DATABASE)


@pytest.fixture
def octavia(prepared: Target) -> Target:
    """The target with real Octavia."""
    return prepared


def schema(server: MariaDB) -> dict[str, str]:
    """What defines each table, in the server's own words."""
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
    """The tables as an undisturbed octavia-db-manage makes them, without us."""
    mariadb_server.clean()
    mariadb_server.execute(f"CREATE DATABASE `{DATABASE}` CHARACTER SET utf8mb4")
    OlderSchema(mariadb_server).migrate("head")
    return schema(mariadb_server)


def test_makes_the_tables(fresh_schema: dict[str, str], octavia: Target) -> None:
    """The tables are those that Octavia makes, and the second run only looks."""
    result = result_of(UpgradePersistenceSchema(octavia.context()))
    assert (result.effect, result.made) == ("changed", (f"schema:{DATABASE}",))
    assert schema(octavia.mariadb) == fresh_schema
    assert revision(octavia.mariadb) == KNOWN_HEAD
    assert list(octavia.state_path.iterdir()) == []

    mark = octavia.mariadb.mark()
    octavia.db_manage = ("/nonexistent/never-run",)
    result = result_of(UpgradePersistenceSchema(octavia.context()))
    assert (result.effect, result.made) == ("unchanged", ())
    assert octavia.mariadb.statements(mark)
    assert writes(octavia.mariadb.statements(mark)) == []


def test_password_is_in_no_statement(octavia: Target) -> None:
    """No statement that the server saw holds the password."""
    result_of(UpgradePersistenceSchema(octavia.context()))
    assert "p@s:s" not in "\n".join(octavia.mariadb.statements())


def test_many_at_once(fresh_schema: dict[str, str], octavia: Target) -> None:
    """Eight steps on an empty database all succeed; the tables are made once."""
    results: list[str] = []
    failed: list[BootstrapError] = []

    def run() -> None:
        try:
            step = UpgradePersistenceSchema(octavia.context())
            results.append(result_of(step).effect)
        except BootstrapError as exc:
            failed.append(exc)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(results) == ["changed"] + ["unchanged"] * 7
    made = [s for s in octavia.mariadb.statements() if s.startswith("CREATE TABLE log")]
    assert len(made) == 1
    assert schema(octavia.mariadb) == fresh_schema


@pytest.mark.parametrize("point", [1, 6, 12, 19, 32, 45])
def test_killed_before_and_run_again(
    fresh_schema: dict[str, str], octavia: Target, point: int
) -> None:
    """Whatever a killed run left behind, the next makes the same tables."""
    killed = replace(octavia, db_manage=killer(octavia, point))
    command = db_manage.upgrade_persistence(
        killed.context().host,
        killed.context().spec.persistence,
        PASSWORD,
        masker=Masker([PASSWORD]),
        cancelled=threading.Event(),
    )
    assert (command.returncode, command.transient) == (-9, True)
    assert schema(octavia.mariadb) != fresh_schema
    result_of(UpgradePersistenceSchema(octavia.context()))
    assert schema(octavia.mariadb) == fresh_schema
    assert revision(octavia.mariadb) == KNOWN_HEAD


def killer(target: Target, point: int) -> tuple[str, ...]:
    python = str(find_octavia() / "bin" / "python")
    return (python, str(KILLER), str(point), str(target.folder / "killed"))


def test_killed_within_the_step(fresh_schema: dict[str, str], octavia: Target) -> None:
    """db-manage killed under the step is transient; the next attempt heals."""
    octavia.db_manage = killer(octavia, 9)
    result = result_of(UpgradePersistenceSchema(octavia.context(attempts=2)))
    assert result.made == (f"schema:{DATABASE}",)
    assert schema(octavia.mariadb) == fresh_schema


def test_shape_of_no_revision_is_left_alone(octavia: Target) -> None:
    """Tables with rows that no revision explains are an error that names why."""
    server = octavia.mariadb
    server.execute(f"CREATE TABLE `{DATABASE}`.logbooks (uuid VARCHAR(64))")
    server.execute(f"INSERT INTO `{DATABASE}`.logbooks VALUES ('one')")
    mark = server.mark()
    with pytest.raises(PermanentError, match=r"logbooks\.meta text is missing"):
        UpgradePersistenceSchema(octavia.context()).execute()
    assert writes(server.statements(mark)) == []
    assert server.execute(f"SELECT uuid FROM `{DATABASE}`.logbooks") == [("one",)]


def test_tables_gone_but_revision_there(
    fresh_schema: dict[str, str], octavia: Target
) -> None:
    """A revision without tables, on which db-manage does nothing, is mended."""
    result_of(UpgradePersistenceSchema(octavia.context()))
    server = octavia.mariadb
    server.execute(f"DROP TABLE `{DATABASE}`.atomdetails")
    result_of(UpgradePersistenceSchema(octavia.context()))
    assert schema(server) == fresh_schema


def test_older_release_with_rows_is_upgraded_in_place(
    fresh_schema: dict[str, str], octavia: Target
) -> None:
    """The tables of an older taskflow keep their rows, and aren't called ours."""
    server = octavia.mariadb
    OlderSchema(server).migrate("40fc8c914bd2")
    server.execute(f"INSERT INTO `{DATABASE}`.logbooks (uuid) VALUES ('one')")
    result = result_of(UpgradePersistenceSchema(octavia.context()))
    assert (result.effect, result.made) == ("changed", ())
    assert schema(server) == fresh_schema
    assert server.execute(f"SELECT uuid FROM `{DATABASE}`.logbooks") == [("one",)]


def test_database_of_another_program(octavia: Target) -> None:
    """A database with a different program's migrations isn't touched."""
    server = octavia.mariadb
    server.execute(f"CREATE TABLE `{DATABASE}`.alembic_version (version_num CHAR(12))")
    server.execute(f"INSERT INTO `{DATABASE}`.alembic_version VALUES ('deadbeef')")
    mark = server.mark()
    with pytest.raises(PermanentError, match="a different program"):
        UpgradePersistenceSchema(octavia.context()).execute()
    assert writes(server.statements(mark)) == []


def test_waits_for_a_zombie(octavia: Target) -> None:
    """While another connection changes tables, nothing of ours does."""
    zombie = octavia.mariadb.connect()
    assert ask(zombie, "SELECT GET_LOCK(%s, 0)", DDL_LOCK) == 1
    results: list[str] = []
    thread = threading.Thread(
        target=lambda: results.append(
            result_of(UpgradePersistenceSchema(octavia.context())).effect
        )
    )
    thread.start()
    try:
        wait_until(
            lambda: octavia.mariadb.execute(
                "SELECT 1 FROM information_schema.PROCESSLIST"
                " WHERE USER = 'octavia' AND STATE = 'User lock'"
            ),
            what="the step waits for the lock",
            state=lambda: octavia.mariadb.execute("SHOW FULL PROCESSLIST"),
        )
        assert schema(octavia.mariadb) == {}
    finally:
        zombie.close()
        thread.join()
    assert results == ["changed"]


def ask(connection: pymysql.Connection, sql: str, *args: object) -> object:
    cursor = connection.cursor()
    cursor.execute(sql, args)
    return cursor.fetchall()[0][0]


def test_lock_not_got_is_transient(octavia: Target) -> None:
    """db-manage that doesn't get the lock fails before its first statement."""
    zombie = octavia.mariadb.connect()
    assert ask(zombie, "SELECT GET_LOCK(%s, 0)", DDL_LOCK) == 1
    host = octavia.context().host
    url = db_manage.guarded(octavia.context().spec.persistence, DDL_LOCK, 0)
    try:
        completed = db_manage.upgrade_persistence(
            host, url, PASSWORD, masker=Masker([PASSWORD]), cancelled=threading.Event()
        )
    finally:
        zombie.close()
    assert completed.transient
    assert completed.returncode != 0
    assert "1242" in completed.output
    assert schema(octavia.mariadb) == {}


def test_cancelled_while_waiting(octavia: Target) -> None:
    """A step told to stop while it waits for the lock stops."""
    zombie = octavia.mariadb.connect()
    ask(zombie, "SELECT GET_LOCK(%s, 0)", lock_name("amphv2-upgrade", DATABASE))
    context = octavia.context()
    context.cancelled.set()
    context = replace(context, host=replace(context.host, octavia_python="/bin/false"))
    try:
        with pytest.raises(CancelledError):
            UpgradePersistenceSchema(context).execute()
    finally:
        zombie.close()


def fake_db_manage(target: Target, body: str) -> None:
    """A db-manage of a few lines, and no Python of Octavia."""
    script = target.folder / "octavia-db-manage"
    script.write_text(f"#!{sys.executable}\nimport os, sys, pathlib\n{body}\n")
    script.chmod(0o755)
    target.db_manage = (str(script),)
    target.octavia_python = "/bin/false"
    EnsureDatabase(target.context()).execute()
    EnsureDatabaseAccounts(target.context()).execute()


def test_exit_code_zero_without_tables(target: Target) -> None:
    """db-manage that says nothing and does nothing is found out."""
    fake_db_manage(target, "sys.exit(0)")
    with pytest.raises(PermanentError, match="exit code 0") as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert "tables: none" in str(caught.value)


def test_overlay_is_private_and_gone(target: Target) -> None:
    """The overlay is 0600 while db-manage runs, and gone when it failed."""
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
    """What a killed run left is removed; a file in use and others stay."""
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
    """A db-manage that prints the password doesn't make us repeat it."""
    fake_db_manage(
        target, f"secret = {PASSWORD!r}\n{form}\nsys.exit('no ' + repr(secret))"
    )
    with pytest.raises(PermanentError) as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert "p@s:s" not in str(caught.value)
    assert "no '***'" in str(caught.value)


def test_hanging_db_manage(target: Target) -> None:
    """A db-manage that doesn't end is stopped; transient, overlay removed, masked."""
    fake_db_manage(target, f"print({PASSWORD!r}, flush=True)\nos.read(os.pipe()[0], 1)")
    target.timeout = 1.0
    with pytest.raises(TransientError, match="did not end within 1 s") as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert "p@s:s" not in str(caught.value)
    assert list(target.state_path.iterdir()) == []


def test_account_refused(target: Target) -> None:
    """Wrong password of the account: permanent, before db-manage is run."""
    fake_db_manage(target, "pathlib.Path('/nonexistent/run').touch()")
    target.password = "wrong-secret"
    with pytest.raises(PermanentError, match=r"\[1045\]") as caught:
        UpgradePersistenceSchema(target.context()).execute()
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("rows", [0, 1])
def test_undo(octavia: Target, rows: int) -> None:
    """A revert drops the tables that the step made, unless they hold a row."""
    step = UpgradePersistenceSchema(octavia.context())
    result = step.execute()
    for _ in range(rows):
        octavia.mariadb.execute(f"INSERT INTO `{DATABASE}`.logbooks SET uuid = 'one'")
    step.revert(result)
    assert bool(schema(octavia.mariadb)) is bool(rows)


def test_undo_leaves_what_was_there(octavia: Target) -> None:
    """A revert of a step that changed nothing drops nothing."""
    UpgradePersistenceSchema(octavia.context()).execute()
    step = UpgradePersistenceSchema(octavia.context())
    step.revert(step.execute())
    assert set(schema(octavia.mariadb)) == TABLES | {"alembic_version"}


def test_sqlite(octavia: Target, tmp_path: Path) -> None:
    """In a SQLite file the three tables are the proof; the second run only looks."""
    path = tmp_path / "octavia persistence.db"
    context = octavia.sqlite(path)
    assert result_of(UpgradePersistenceSchema(context)).effect == "changed"
    tables = sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall()
    assert {name for (name,) in tables} >= TABLES
    before = path.read_bytes()
    never = replace(context, host=replace(context.host, db_manage_command=("/no",)))
    assert result_of(UpgradePersistenceSchema(never)).effect == "unchanged"
    assert path.read_bytes() == before


def test_sqlite_without_tables(target: Target, tmp_path: Path) -> None:
    """With SQLite, too, the exit code proves nothing."""
    fake_db_manage(target, "sys.exit(0)")
    with pytest.raises(PermanentError, match="exit code 0"):
        UpgradePersistenceSchema(target.sqlite(tmp_path / "o.db")).execute()
