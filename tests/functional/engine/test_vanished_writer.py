# SPDX-License-Identifier: Apache-2.0
"""A writer that is never heard of again."""

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.storage import database as database_module
from amphv2_bootstrap.engine.storage import migrate, schema
from tests.clock import Clock
from tests.functional.engine.conftest import OpenDatabase


@pytest.mark.parametrize("server", ["MariaDB", "MySQL"])
@pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)
def test_its_locks_are_released(
    server: str, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one may write the same row soon; the first one has written nothing.

    As MySQL, MariaDB has no limit of its own for idle transactions.
    """
    monkeypatch.setattr(database_module, "_WAIT_SECONDS", 2)
    first, second = open_database(), open_database()
    migrate.upgrade(first)
    rows = schema.constants
    mine = rows.update().where(rows.c.name == "a")
    with first.write() as connection:
        connection.execute(rows.insert().values(name="a", value="0"))

    def vanish_in_a_transaction() -> None:
        with first.write() as connection:
            if server == "MySQL":
                no_limit = "SET SESSION idle_transaction_timeout = 0"
                connection.execute(sa.text(no_limit))
            connection.execute(mine.values(value="first"))
            with second.write() as other:
                other.execute(mine.values(value="second"))

    with pytest.raises(DatabaseUnavailableError):
        vanish_in_a_transaction()
    query = sa.select(rows.c.value).where(rows.c.name == "a")
    with first.read() as connection:
        assert connection.execute(query).scalar_one() == "second"


@pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)
def test_an_idle_connection_is_replaced_before_the_server_ends_it(
    open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is used again soon is kept."""
    clock = Clock()
    monkeypatch.setattr(database_module, "time", clock)
    database = open_database()

    def used() -> int:
        with database.write() as connection:
            query = "SELECT CONNECTION_ID(), @@SESSION.wait_timeout"
            number, seconds = connection.execute(sa.text(query)).one()
        assert seconds > database_module._LONGEST_IDLE_SECONDS
        return int(number)

    first = used()
    clock.advance(database_module._LONGEST_IDLE_SECONDS)
    assert used() == first
    clock.advance(database_module._LONGEST_IDLE_SECONDS + 1)
    second = used()
    assert second != first
    assert used() == second
