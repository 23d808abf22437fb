# SPDX-License-Identifier: Apache-2.0
"""Looks at the schema while the server changes it, also for a client that is dead.

A table that is renamed many times in one statement stands for octavia-db-manage's
ALTER TABLE, which ends in a rename: until its end the server doesn't list the table.
"""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pymysql
import pytest

from amphv2_bootstrap.adapters.schema.persistence_schema import look
from amphv2_bootstrap.adapters.schema.revisions import CHAIN, KNOWN_HEAD
from amphv2_bootstrap.errors import CancelledError, TransientError
from amphv2_bootstrap.steps.cloud.upgrade_persistence_schema import (
    UpgradePersistenceSchema,
)
from amphv2_bootstrap.steps.target_database import account
from tests.functional.steps.dead_client import ACCOUNT, ROOT, leave_behind
from tests.functional.steps.older_schema import OlderSchema, Rows, survived
from tests.functional.steps.target import DATABASE, PASSWORD, Target, result_of
from tests.servers.process import wait_until

BEFORE_HEAD = CHAIN[-2]
RENAMES = 200
LOOKS, PAUSE = 40, 0.01
INDEX = "taskdetails_uuid_idx"
ADD_INDEX = f"ALTER TABLE atomdetails ADD UNIQUE INDEX {INDEX} (uuid)"
Outcome = TypeVar("Outcome")


@pytest.fixture
def older(prepared: Target, templates: dict[str, list[str]]) -> OlderSchema:
    """The database of the target, without tables."""
    return OlderSchema(prepared.mariadb, templates)


def rename_for_long(target: Target, user: str) -> None:
    """Have a table renamed back and forth in one statement, for a while."""
    names = ["atomdetails", *(f"t{number % 2}" for number in range(RENAMES))]
    pairs = zip(names, [*names[1:], "atomdetails"], strict=True)
    renames = ", ".join(f"{old} TO {new}" for old, new in pairs)
    leave_behind(target.mariadb, user, f"RENAME TABLE {renames}")


@pytest.mark.parametrize("user", [ACCOUNT, ROOT])
@pytest.mark.parametrize("locked", [True, False])
def test_table_out_of_the_catalogue(
    prepared: Target, older: OlderSchema, user: str, locked: bool
) -> None:
    """A look sees the whole schema, with or without a lock of the server."""
    older.make(KNOWN_HEAD)
    older.fill()
    with account(prepared.context()) as session:
        if locked:
            session.rows("SELECT GET_LOCK('any', 0)")
        whole = look(session)
        rename_for_long(prepared, user)
        assert look(session) == whole


@pytest.mark.parametrize("user", [ACCOUNT, ROOT])
def test_step_while_a_table_is_renamed(
    prepared: Target, older: OlderSchema, user: str
) -> None:
    """The step ends at the head, with all rows."""
    older.make("6df9422fcb43")
    before = older.fill()
    prepared.octavia_python = "/bin/false"  # to be asked for nothing meanwhile
    rename_for_long(prepared, user)
    assert result_of(UpgradePersistenceSchema(prepared.context())).effect == "changed"
    assert older.tables() == older.tables_at(KNOWN_HEAD)
    assert survived(before, older.rows())


@dataclass
class Blocked:
    """An index of the atoms that another client makes, when the server lets it.

    The client is alive: MariaDB gives up the statement of a dead one when it has
    waited for a lock for a second.
    """

    target: Target
    older: OlderSchema
    blocker: pymysql.Connection
    rows: Rows

    def mark(self) -> int:
        return self.target.mariadb.mark()

    def waits(self, mark: int) -> bool:
        """Whether somebody waits since then, or is about to change the tables."""
        server = self.target.mariadb
        since = server.statements(mark)
        return bool(
            sum("WHERE DB = DATABASE()" in one for one in since) > 3
            or [one for one in since if one.startswith("ALTER")]
            or server.execute(
                "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE"
                " 'SELECT EXISTS%' AND STATE = 'Waiting for table metadata lock'"
            )
        )

    def released_when(self, doing: Future[Outcome], mark: int) -> Outcome:
        """What comes of it when the server may go on as soon as it is waited for."""
        wait_until(
            lambda: doing.done() or self.waits(mark),
            what="it is waited for",
            state=lambda: self.target.mariadb.execute("SHOW FULL PROCESSLIST"),
        )
        assert not doing.done(), doing.result()
        self.blocker.close()
        return doing.result(timeout=60)


def back_up(connection: pymysql.Connection) -> None:
    """Begin a backup: statements that change tables wait, those that read don't."""
    for stage in ("START", "BLOCK_DDL"):
        connection.cursor().execute(f"BACKUP STAGE {stage}")


def read(connection: pymysql.Connection) -> None:
    """Read the atoms in a transaction: until its end they can't be changed."""
    connection.cursor().execute("BEGIN")
    connection.cursor().execute("SELECT * FROM atomdetails")


@pytest.fixture(params=[(back_up, ACCOUNT), (read, ACCOUNT), (read, ROOT)])
def blocked(
    request: pytest.FixtureRequest, prepared: Target, older: OlderSchema
) -> Iterator[Blocked]:
    block, user = request.param
    older.make(BEFORE_HEAD)
    rows = older.fill()
    older.run(f"DROP INDEX {INDEX} ON atomdetails")
    server = prepared.mariadb
    password = PASSWORD if user == ACCOUNT else server.root_password
    login = {"user": user, "password": password, "database": DATABASE}
    blocker = server.connect(database=DATABASE)
    block(blocker)
    with ThreadPoolExecutor(1) as other:
        other.submit(server.execute, ADD_INDEX, **login)
        wait_until(
            lambda: server.execute(
                "SELECT 1 FROM information_schema.PROCESSLIST"
                " WHERE INFO = %s AND STATE LIKE 'Waiting for %%'",
                (ADD_INDEX,),
            ),
            what="the server can't go on with it",
        )
        yield Blocked(prepared, older, blocker, rows)
        with contextlib.suppress(pymysql.Error):  # closed by the test
            blocker.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_step_waits(blocked: Blocked, pool: ThreadPoolExecutor) -> None:
    """What another client has begun is not done a second time."""
    step, mark = UpgradePersistenceSchema(blocked.target.context()), blocked.mark()
    result = blocked.released_when(pool.submit(result_of, step), mark)
    assert result.effect == "changed"
    older = blocked.older
    assert older.tables() == older.tables_at(KNOWN_HEAD)
    assert survived(blocked.rows, older.rows())


@pytest.mark.parametrize("rows", [True, False])
def test_look_waits(blocked: Blocked, pool: ThreadPoolExecutor, rows: bool) -> None:
    """A look sees what the statement leaves, not what it found."""
    with account(blocked.target.context()) as session:
        mark = blocked.mark()
        doing = pool.submit(look, session, rows=rows)
        found = blocked.released_when(doing, mark)
    assert ("index", "atomdetails", INDEX) in found.shape.pieces


def test_wait_is_bounded(blocked: Blocked) -> None:
    """The error names what the wait was for."""
    with account(blocked.target.context()) as session:
        session.rows("SET SESSION lock_wait_timeout = 1")
        with pytest.raises(TransientError) as caught:
            look(session, seconds=0.5)
    assert "atomdetails" in caught.value.why
    assert "SHOW FULL PROCESSLIST" in caught.value.todo


def test_wait_is_cancelled(blocked: Blocked, pool: ThreadPoolExecutor) -> None:
    """A cancelled step stops waiting."""
    context, mark = blocked.target.context(), blocked.mark()
    doing = pool.submit(UpgradePersistenceSchema(context).execute)
    wait_until(lambda: blocked.waits(mark), what="it is waited for")
    context.cancelled.set()
    with pytest.raises(CancelledError):
        doing.result(timeout=10)


@pytest.mark.parametrize("algorithm", ["COPY", "INPLACE"])
def test_looks_while_tables_are_rebuilt(
    prepared: Target, older: OlderSchema, algorithm: str
) -> None:
    """No look misses anything while a table is made anew again and again."""
    older.make(KNOWN_HEAD)
    older.fill()
    ended = threading.Event()
    with account(prepared.context()) as session, ThreadPoolExecutor(1) as pool:
        session.rows("SELECT GET_LOCK('any', 0)")
        whole = look(session)
        rebuilding = pool.submit(rebuild, older, algorithm, ended)
        try:
            assert all(look(session) == whole for _ in range(LOOKS))
        finally:
            ended.set()
        assert rebuilding.result() > 0


def rebuild(older: OlderSchema, algorithm: str, ended: threading.Event) -> int:
    """Make the atoms' table anew until ``ended`` is set; how often."""
    count = 0
    while not ended.wait(PAUSE):
        older.run(f"ALTER TABLE atomdetails FORCE, ALGORITHM={algorithm}")
        count += 1
    return count
