# SPDX-License-Identifier: Apache-2.0
"""A transaction that the server refused to commit leaves nothing behind."""

from typing import Any

import pytest
import sqlalchemy as sa
from pymysql.err import OperationalError

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.storage import migrate, schema
from amphv2_bootstrap.engine.storage.database import Database
from tests.functional.engine.conftest import OpenDatabase


def _add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(schema.constants.insert().values(name=name, value="0"))


@pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)
def test_the_next_transaction_commits_only_its_own(
    open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refused writes are not part of the next transaction on the connection."""
    database = open_database()
    migrate.upgrade(database)

    def refuse(_: Any) -> None:
        raise OperationalError(1047, "WSREP has not yet prepared node")

    with monkeypatch.context() as patch:
        patch.setattr(database.engine.dialect, "do_commit", refuse)
        with pytest.raises(DatabaseUnavailableError):
            _add(database, "refused")
    _add(database, "later")
    with database.read() as connection:
        names = connection.execute(sa.select(schema.constants.c.name)).scalars()
        assert "refused" not in list(names)
