# SPDX-License-Identifier: Apache-2.0
"""The persistence tables in a SQLite file, which may be in a folder of Octavia's user.

In such a folder root opens the file once, without following links, and SQLite, which
opens files by their names, gets a copy.
"""

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file, no_follow
from amphv2_bootstrap.adapters.schema.persistence_schema import Schema
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError

_POLL_SECONDS = 0.2
_CHECK = "Check the path in persistence_connection, its file and their permissions."
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_WRITE_AHEAD = slice(18, 20)  # of the file's header; 1 means without such a log


def look_at_file(path: Path) -> Schema:
    """The schema in a SQLite file, empty without a file; writes nothing.

    taskflow makes tables in SQLite without alembic, so there is no revision.

    :raises TransientError: the database is locked.
    :raises PermanentError: the file can't be read, or isn't a database.
    """
    try:
        with contextlib.closing(_connect(path)) as connection:
            rows = connection.execute(_TABLES).fetchall()
    except FileNotFoundError:
        return Schema()
    except (sqlite3.Error, OSError) as exc:
        kind = TransientError if "locked" in str(exc) else PermanentError
        why = exc.strerror if isinstance(exc, OSError) else None
        raise kind(
            "read the database", on=str(path), why=why or str(exc), todo=_CHECK
        ) from exc
    return Schema(frozenset(str(row[0]) for row in rows))


def _connect(path: Path) -> sqlite3.Connection:
    with no_follow.entry(path) as file, no_follow.opened(file.open()) as handle:
        if no_follow.is_roots(file.folder):
            return sqlite3.connect(f"{Path(file.path).as_uri()}?mode=ro", uri=True)
        with os.fdopen(handle, "rb", closefd=False) as stream:
            content = bytearray(stream.read())
    connection = sqlite3.connect(":memory:")
    if content:
        content[_WRITE_AHEAD] = b"\1\1"
        connection.deserialize(content)
    return connection


@contextlib.contextmanager
def writable(path: Path, state_path: str) -> Iterator[Path]:
    """Where root can have the tables of the existing file made within the block.

    In a folder that others may write, that is a file below ``state_path``, which then
    replaces the file, if that is still empty.

    :raises TransientError: the file has changed meanwhile.
    :raises PermanentError: root can't write there.
    """
    if _is_roots(path):
        yield path
        return
    if durable_file.read(str(path)):
        raise _others_database(path)
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    made = Path(state_path) / f"new-tables-{digest}.sqlite"
    durable_file.write_private(str(made), b"")
    try:
        yield made
        content = durable_file.read(str(made))
        durable_file.write_atomically(str(path), content, backup=False, expected=b"")
    finally:
        durable_file.remove(str(made))


@contextlib.contextmanager
def folder_locked(
    folder: Path, seconds: float, cancelled: threading.Event
) -> Iterator[None]:
    """Lock out other runs on this host: making SQLite's tables isn't atomic.

    :raises TransientError: another run held the lock for ``seconds``.
    :raises PermanentError: the folder can't be opened.
    :raises CancelledError: ``cancelled`` was set first.
    """
    deadline = time.monotonic() + seconds
    descriptor = _open_folder(folder)
    try:
        while not _flock(descriptor):
            if cancelled.wait(_POLL_SECONDS):
                raise CancelledError(f"wait for {folder}", why="cancelled")
            if time.monotonic() > deadline:
                raise TransientError(
                    "make the tables",
                    on=str(folder),
                    why="another run makes them",
                    todo="Wait until it ends.",
                )
        yield
    finally:
        os.close(descriptor)


def _open_folder(folder: Path) -> int:
    try:
        return no_follow.open_folder(folder)
    except OSError as exc:
        raise PermanentError(
            "make the tables", on=str(folder), why=exc.strerror or str(exc), todo=_CHECK
        ) from exc


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_roots(path: Path) -> bool:
    try:
        with no_follow.entry(path) as file:
            return no_follow.is_roots(file.folder)
    except OSError as exc:
        raise PermanentError(
            "make the tables", on=str(path), why=exc.strerror or str(exc), todo=_CHECK
        ) from exc


def _others_database(path: Path) -> PermanentError:
    return PermanentError(
        "make the tables",
        on=str(path),
        why="the file is a database with other tables, in a folder that others than "
        "root may write, where SQLite as root could follow a link of theirs",
        todo="Run octavia-db-manage upgrade_persistence as the owner of the folder, "
        "and resume; or name a new file in persistence_connection.",
    )
