# SPDX-License-Identifier: Apache-2.0
"""Warnings about the settings and columns of a real server."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.mysql import fitness
from amphv2_bootstrap.adapters.mysql.sessions import Session, session
from amphv2_bootstrap.spec.database import DatabaseUrl
from tests.servers.mariadb import MariaDB

DATABASE = "octavia`_persistence"
QUOTED = DATABASE.replace("`", "``")


@pytest.fixture
def admin(mariadb: MariaDB) -> Iterator[Session]:
    url = DatabaseUrl("mysql+pymysql", "root", mariadb.host, mariadb.port)
    with session(url, mariadb.root_password) as opened:
        yield opened


@contextlib.contextmanager
def _setting(server: MariaDB, name: str, value: int) -> Iterator[None]:
    """Change a setting of the server within the block."""
    before = server.execute(f"SELECT @@GLOBAL.{name}")[0][0]
    server.execute(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL {name} = {before}")


def test_a_server_with_defaults_is_fit(admin: Session, tmp_path: Path) -> None:
    """A server with defaults, without tables, gives no warning."""
    assert fitness.traps(admin, DATABASE, [tmp_path / "none"]) == ()


def test_small_packets_are_reported(mariadb: MariaDB, admin: Session) -> None:
    """A limit below PACKET_BYTES gives a warning that names the right value."""
    limit = fitness.PACKET_BYTES
    with _setting(mariadb, "max_allowed_packet", limit - 1024):
        (found,) = fitness.small_packets(admin)
    assert f"is {limit - 1024} bytes" in found
    assert str(limit) in found
    with _setting(mariadb, "max_allowed_packet", limit):
        assert list(fitness.small_packets(admin)) == []


def test_a_short_idle_timeout_is_reported(
    mariadb: MariaDB, admin: Session, tmp_path: Path
) -> None:
    """wait_timeout is compared with Octavia's configuration, else oslo.db's default."""
    conf = tmp_path / "octavia.conf"
    conf.write_text("[database]\nconnection_recycle_time = 500\n")
    with _setting(mariadb, "wait_timeout", 600):
        (found,) = fitness.traps(admin, DATABASE, [tmp_path / "none"])
        assert fitness.traps(admin, DATABASE, [conf]) == ()
    assert "after 600 s" in found
    assert "for 3600 s" in found


def test_an_invalid_configuration_gives_the_default(tmp_path: Path) -> None:
    """An invalid value or file counts as the default here."""
    conf = tmp_path / "octavia.conf"
    for text in ("[database]\nconnection_recycle_time = soon\n", "[database\n"):
        conf.write_text(text)
        assert fitness.recycle_seconds([conf]) == 3600


def test_the_last_file_that_sets_it_counts(tmp_path: Path) -> None:
    """The last file that sets the option counts, as in Octavia."""
    first, last, other = (tmp_path / name for name in ("a", "b", "c"))
    first.write_text("[database]\nconnection_recycle_time = 500\n")
    last.write_text("[database]\nconnection_recycle_time = 700\n")
    other.write_text("[task_flow]\nconnection_recycle_time = 900\n")
    assert fitness.recycle_seconds([first, last, other]) == 700


def _make_tables(server: MariaDB) -> None:
    """Make the columns as taskflow's migrations do: TEXT and LONGTEXT."""
    server.execute(f"CREATE DATABASE `{QUOTED}`")
    server.execute(f"CREATE TABLE `{QUOTED}`.logbooks (meta TEXT, name TEXT)")
    server.execute(
        f"CREATE TABLE `{QUOTED}`.atomdetails"
        " (meta TEXT, results LONGTEXT, revert_results TEXT)"
    )
    server.execute(f"INSERT INTO `{QUOTED}`.atomdetails VALUES ('é', '{{}}', NULL)")


def test_narrow_columns_are_reported_with_statements(
    mariadb: MariaDB, admin: Session
) -> None:
    """The reported statements widen the columns and keep the rows."""
    _make_tables(mariadb)
    (found,) = fitness.narrow_columns(admin, DATABASE)
    names = ("logbooks.meta", "atomdetails.meta", "atomdetails.revert_results")
    assert found.startswith(", ".join(names))
    before = mariadb.execute(f"SELECT * FROM `{QUOTED}`.atomdetails")
    statements = found.partition("run: ")[2].split(";")
    for statement in filter(None, map(str.strip, statements)):
        mariadb.execute(statement)
    assert list(fitness.narrow_columns(admin, DATABASE)) == []
    assert mariadb.execute(f"SELECT * FROM `{QUOTED}`.atomdetails") == before
    wide = mariadb.execute(
        "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s"
        " AND DATA_TYPE = 'longtext'",
        (DATABASE,),
    )
    assert wide == [(4,)]


def test_nothing_is_written(mariadb: MariaDB, admin: Session, tmp_path: Path) -> None:
    """The functions send only SELECT statements."""
    _make_tables(mariadb)
    mark = mariadb.mark()
    fitness.traps(admin, DATABASE, [tmp_path / "none"])
    fitness.clock_offset(admin)
    sent = mariadb.statements(mark)
    assert sent
    assert all(text.lstrip().startswith("SELECT ") for text in sent)


def test_the_clock_is_compared(admin: Session) -> None:
    """The offset of a server on this machine is below a minute."""
    assert abs(fitness.clock_offset(admin)) < 60
