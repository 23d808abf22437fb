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


# 1020: a row has changed. 1047, 1105, 1180, 1213: what Galera gives a commit that was
# not certified, or a node that left the cluster. 1205: a wait took too long.
@pytest.mark.parametrize("code", [1020, 1047, 1105, 1180, 1205, 1213])
@pytest.mark.parametrize("open_database", ["mariadb"], indirect=True)
def test_the_next_transaction_commits_only_its_own(
    code: int, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be tried again, and is not part of the connection's next transaction."""
    database = open_database()
    migrate.upgrade(database)

    def refuse(_: Any) -> None:
        raise OperationalError(code, "wsrep refused it")

    with monkeypatch.context() as patch:
        patch.setattr(database.engine.dialect, "do_commit", refuse)
        with pytest.raises(DatabaseUnavailableError):
            _add(database, "refused")
    _add(database, "later")
    with database.read() as connection:
        names = connection.execute(sa.select(schema.constants.c.name)).scalars()
        assert "refused" not in list(names)
