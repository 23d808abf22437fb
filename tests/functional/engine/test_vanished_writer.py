# SPDX-License-Identifier: Apache-2.0
"""A writer that vanishes in the middle of a transaction."""

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.storage import migrate, schema
from tests.functional.engine.conftest import OpenDatabase


@pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)
def test_its_locks_are_released(open_database: OpenDatabase) -> None:
    """Another writer can soon write the same row; the first has written nothing."""
    first, second = open_database(), open_database()
    migrate.upgrade(first)
    rows = schema.constants
    mine = rows.update().where(rows.c.name == "a")
    with first.write() as connection:
        connection.execute(rows.insert().values(name="a", value="0"))

    def vanish_in_a_transaction() -> None:
        with first.write() as connection:
            connection.execute(mine.values(value="first"))
            with second.write() as other:
                other.execute(mine.values(value="second"))

    with pytest.raises(DatabaseUnavailableError):
        vanish_in_a_transaction()
    query = sa.select(rows.c.value).where(rows.c.name == "a")
    with first.read() as connection:
        assert connection.execute(query).scalar_one() == "second"
