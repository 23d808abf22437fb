# SPDX-License-Identifier: Apache-2.0
"""The lock that lets one upgrade of the engine's tables run at a time on a server."""

from collections.abc import Callable
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.storage import database as database_module
from amphv2_bootstrap.engine.storage import migrate
from tests.functional.engine.conftest import OpenDatabase

pytestmark = pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)


def test_a_host_without_power_does_not_keep_it(
    open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the idle connection that holds it, and another host goes on.

    As MySQL, MariaDB has no limit of its own for idle transactions.
    """
    monkeypatch.setattr(database_module, "_WAIT_SECONDS", 2)
    first, second = open_database(), open_database()
    upgrade, others = migrate._upgrade, list[bool]()

    def vanish_first(connection: sa.Connection) -> bool:
        if connection.engine is first.engine:
            connection.execute(sa.text("SET SESSION idle_transaction_timeout = 0"))
            others.append(migrate.upgrade(second))
        return upgrade(connection)

    monkeypatch.setattr(migrate, "_upgrade", vanish_first)
    with pytest.raises(DatabaseUnavailableError):
        migrate.upgrade(first)
    assert others == [True]


def test_it_is_released_at_the_end(open_database: OpenDatabase) -> None:
    """An upgrade leaves no lock, though the database stays open."""
    database = open_database()
    assert migrate.upgrade(database)
    query = sa.select(sa.func.is_free_lock(migrate._LOCK))
    with open_database().read() as connection:
        assert connection.execute(query).scalar() == 1


@pytest.mark.parametrize("code", [1105, 1235])
def test_a_server_that_refuses_it(
    open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The upgrade runs without the lock."""
    execute: Callable[..., int] = pymysql.cursors.Cursor.execute

    def refusing(cursor: Any, query: str, args: Any = None) -> int:
        if "get_lock" in query:
            raise pymysql.err.OperationalError(code, "prohibited")
        return execute(cursor, query, args)

    monkeypatch.setattr(pymysql.cursors.Cursor, "execute", refusing)
    database = open_database()
    assert migrate.upgrade(database)
    assert migrate.revision(database) == migrate.HEAD
