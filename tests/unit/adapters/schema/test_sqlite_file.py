# SPDX-License-Identifier: Apache-2.0
"""The tables in a SQLite file, which nothing but its owner writes."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.schema.persistence_schema import Schema
from amphv2_bootstrap.adapters.schema.sqlite_file import look_at_file, writable
from amphv2_bootstrap.errors import PermanentError, TransientError
from tests.unit.service_folder import SERVICE, ServiceFolder, as_root, service_folder


def test_sqlite_file_is_only_looked_at(tmp_path: Path) -> None:
    """Reading makes no file and changes none."""
    path = tmp_path / "a b.db"
    assert look_at_file(path) == Schema()
    assert not path.exists()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE logbooks (uuid)")
    connection.close()
    assert look_at_file(path).tables == {"logbooks"}


def test_file_that_is_no_database(tmp_path: Path) -> None:
    """A file that isn't a database is a permanent error."""
    path = tmp_path / "text"
    path.write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(PermanentError, match="not a database"):
        look_at_file(path)


@pytest.fixture
def service() -> Iterator[ServiceFolder]:
    with service_folder() as made:
        yield made


@as_root
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_services_file_is_read(journal: str, service: ServiceFolder) -> None:
    """A copy of a service's database has its tables, with a write-ahead log, too."""
    path = service.path / "octavia.db"
    assert look_at_file(path) == look_at_file(path / "none" / "x.db") == Schema()
    path.touch()
    assert look_at_file(path) == Schema()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute("CREATE TABLE logbooks (uuid)")
    connection.close()
    assert look_at_file(path).tables == {"logbooks"}


@as_root
def test_a_services_file_gets_the_tables_that_were_made_apart(
    service: ServiceFolder, tmp_path: Path
) -> None:
    """Owner and mode stay, and nothing is left where they were made."""
    path = service.path / "octavia.db"
    path.touch(mode=0o660)
    os.chown(path, SERVICE, SERVICE)
    with writable(path, str(tmp_path)) as made:
        assert made.parent == tmp_path
        made.write_bytes(b"tables")
    assert path.read_bytes() == b"tables"
    assert path.stat().st_uid == SERVICE
    assert list(tmp_path.iterdir()) == []


@as_root
def test_a_services_file_that_was_filled_meanwhile_stays(
    service: ServiceFolder, tmp_path: Path
) -> None:
    """The tables of Octavia's own user are not replaced."""
    path = service.path / "octavia.db"
    path.touch()
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(TransientError, match="somebody else"))
        made = stack.enter_context(writable(path, str(tmp_path)))
        made.write_bytes(b"tables")
        path.write_bytes(b"others")
    assert path.read_bytes() == b"others"
    assert list(tmp_path.iterdir()) == []
