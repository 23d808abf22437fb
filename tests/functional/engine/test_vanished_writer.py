# SPDX-License-Identifier: Apache-2.0
"""A writer that vanishes in the middle of a transaction."""

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.storage import database as database_module
from amphv2_bootstrap.engine.storage import migrate, schema
from tests.functional.engine.conftest import OpenDatabase


@pytest.mark.parametrize("server", ["MariaDB", "MySQL"])
@pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)
def test_its_locks_are_released(
    server: str, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer can soon write the same row; the first has written nothing.

    As MySQL, MariaDB has no limit of its own for idle transactions.
    """
    monkeypatch.setattr(database_module, "_IDLE_SECONDS", 2)
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
def test_a_pooled_connection_is_replaced_before_the_server_ends_it(
    open_database: OpenDatabase,
) -> None:
    """A connection of the pool is never older than the server lets it be idle."""
    database = open_database()
    with database.write() as connection:
        query = sa.text("SELECT @@SESSION.wait_timeout")
        idle = connection.execute(query).scalar_one()
    assert 0 < database.engine.pool._recycle < idle < 60
