# SPDX-License-Identifier: Apache-2.0
"""After a fail-over, stale connections cost one failed statement, not one a pool."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.jobboards.sql.board import SqlBoard
from tests.servers.mariadb import MariaDB
from tests.servers.proxy import Proxy, running_proxy

PATIENCE = 1.0
Open = Callable[[], contextlib.AbstractContextManager[sa.Connection]]


@pytest.fixture
def proxy(mariadb: MariaDB) -> Iterator[Proxy]:
    mariadb.execute("CREATE DATABASE amphv2_engine")
    mariadb.execute("CREATE TABLE amphv2_engine.probe (id INT)")
    mariadb.execute("CREATE USER probe IDENTIFIED BY 'word'")
    mariadb.execute("GRANT ALL ON amphv2_engine.* TO probe")
    with running_proxy(mariadb.host, mariadb.port) as proxy:
        yield proxy


@pytest.fixture
def database(proxy: Proxy) -> Iterator[Database]:
    """It connects through the proxy, as a user who may not write to a read-only one."""
    url = f"mysql+pymysql://probe:word@127.0.0.1:{proxy.port}/amphv2_engine"
    database = Database(url, PATIENCE)
    yield database
    database.close()


@pytest.fixture
def pools(database: Database) -> Iterator[list[Open]]:
    """What a conductor on the board ``sql`` connects with; each has connections."""
    board = SqlBoard("probe", database, PATIENCE)
    hasty = board._hasty
    found: list[Open] = [database.write, database.read, hasty.write, hasty.read]
    with contextlib.ExitStack() as stack:
        for each in found * 3:
            _use(stack.enter_context(each()))
    yield found
    board.close()


def _use(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.text("SELECT CONNECTION_ID()")) or 0)


def _failures(pools: Sequence[Open]) -> int:
    count = 0
    for each in pools:
        try:
            with each() as connection:
                _use(connection)
        except DatabaseUnavailableError:
            count += 1
    return count


@pytest.mark.parametrize("way", ["cut", "swallow"])
@pytest.mark.parametrize("first", range(4))
def test_the_first_lost_connection_is_the_only_one(
    pools: list[Open], proxy: Proxy, way: str, first: int
) -> None:
    """Whichever finds that the server is gone: all the others connect anew."""
    (proxy.cut if way == "cut" else proxy.swallow)()
    proxy.heal()
    assert _failures(pools[first:] + pools[:first]) == 1
    assert _failures(pools * 3) == 0


def test_a_connection_to_a_server_that_may_not_write_is_dropped(
    database: Database, pools: list[Open], mariadb: MariaDB
) -> None:
    """A load balancer may lead the next one to the server that may."""
    mariadb.execute("SET GLOBAL read_only = 1")
    try:
        with pytest.raises(DatabaseUnavailableError, match="read-only"):
            _insert(database)
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")
    [(newest,)] = mariadb.execute("SELECT CONNECTION_ID()")
    _insert(database)
    for each in pools:
        with each() as connection:
            assert _use(connection) > newest


def _insert(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.text("INSERT INTO probe VALUES (1)"))
