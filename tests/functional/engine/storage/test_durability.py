# SPDX-License-Identifier: Apache-2.0
"""What a fail-over of the engine's database may lose is said, on real servers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.durability import risks
from tests.functional.daemon import SERVES, Daemon, ended
from tests.servers.galera import Galera
from tests.servers.mariadb import MariaDB, running_mariadb
from tests.servers.process import wait_until


@pytest.fixture(scope="module")
def primary() -> Iterator[MariaDB]:
    """A primary; its replica is attached at the end of this fixture."""
    with (
        running_mariadb("--log-bin", "--server-id=1") as primary,
        running_mariadb("--server-id=2") as replica,
    ):
        primary.execute("CREATE DATABASE engine")
        primary.execute("CREATE USER repl@'%' IDENTIFIED BY 'r'")
        primary.execute("CREATE USER repl@localhost IDENTIFIED BY 'r'")
        primary.execute("GRANT REPLICATION SLAVE ON *.* TO repl@localhost")
        replica.execute(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='repl',"
            f" MASTER_PASSWORD='r', MASTER_PORT={primary.port}"
        )
        replica.execute("SET GLOBAL rpl_semi_sync_slave_enabled = ON")
        replica.execute("START SLAVE")
        wait_until(lambda: _replicas(primary), what="the replica is attached")
        yield primary
        replica.execute("STOP SLAVE")


def _replicas(primary: MariaDB) -> bool:
    return primary.execute("SHOW STATUS LIKE 'Slaves_connected'")[0][1:] == ("1",)


def _risks(server: MariaDB) -> list[str]:
    with contextlib.closing(Database(f"{server.root_url}/engine")) as database:
        return risks(database)


@contextlib.contextmanager
def _set(server: MariaDB, name: str, value: object) -> Iterator[None]:
    ((before,),) = server.execute(f"SELECT @@GLOBAL.{name}")
    server.execute(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL {name} = {before}")


def test_an_asynchronous_replica(primary: MariaDB) -> None:
    """A post may be acknowledged that the replica never gets."""
    (found,) = _risks(primary)
    assert "does not wait for its 1 replicas" in found
    assert "semi-synchronous" in found


def test_a_replica_that_confirms(primary: MariaDB) -> None:
    """With semi-synchronous replication at work nothing is lost."""
    with _set(primary, "rpl_semi_sync_master_enabled", 1):
        assert _risks(primary) == []


def test_a_read_only_server(mariadb: MariaDB) -> None:
    """The URL leads to a replica."""
    mariadb.execute("CREATE DATABASE engine")
    with _set(mariadb, "read_only", 1):
        (found,) = _risks(mariadb)
    assert "is read-only: is it a replica?" in found
    assert "engine on 127.0.0.1" in found


def test_commits_that_are_not_on_disk(mariadb: MariaDB) -> None:
    """A single server that loses power loses the last second."""
    mariadb.execute("CREATE DATABASE engine")
    with _set(mariadb, "innodb_flush_log_at_trx_commit", 2):
        (found,) = _risks(mariadb)
    assert "innodb_flush_log_at_trx_commit = 1" in found


def test_servers_that_lose_nothing(mariadb: MariaDB, tmp_path: Path) -> None:
    """A durable single server, and SQLite."""
    mariadb.execute("CREATE DATABASE engine")
    assert _risks(mariadb) == []
    database = Database(f"sqlite:///{tmp_path}/engine.sqlite")
    assert risks(database) == []
    database.close()


def test_an_account_that_sees_little(mariadb: MariaDB) -> None:
    """The engine's account needs no privilege on the server for this."""
    mariadb.execute("CREATE DATABASE engine")
    mariadb.execute("CREATE USER amphv2@localhost IDENTIFIED BY 'p'")
    mariadb.execute("GRANT ALL PRIVILEGES ON engine.* TO amphv2@localhost")
    url = f"mysql+pymysql://amphv2:p@127.0.0.1:{mariadb.port}/engine"
    with contextlib.closing(Database(url)) as database:
        assert risks(database) == []


def test_a_conductor_warns(mariadb: MariaDB, tmp_path: Path) -> None:
    """When it starts, its log has the risk."""
    mariadb.execute("CREATE DATABASE engine")
    url = f"{mariadb.root_url}/engine"
    with contextlib.closing(Database(url)) as database:
        migrate.upgrade(database)
    more = f"[task_flow]\npersistence_connection = {url.replace('$', '$$')}\n"
    with (
        _set(mariadb, "innodb_flush_log_at_trx_commit", 2),
        ended(Daemon(tmp_path, more=more)) as daemon,
    ):
        daemon.wait_for(lambda log: SERVES in log, "it serves")
        warnings = [line for line in daemon.log.splitlines() if "WARNING" in line]
        assert any("does not write each commit to disk" in one for one in warnings)


def test_galera_loses_nothing(galera: Galera) -> None:
    """Each commit is on all nodes, so it need not be on disk."""
    first = galera.nodes[0]
    first.execute("CREATE DATABASE engine")
    with _set(first, "innodb_flush_log_at_trx_commit", 2):
        assert _risks(first) == []
