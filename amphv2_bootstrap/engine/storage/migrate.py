# SPDX-License-Identifier: Apache-2.0
"""Creates and upgrades the engine's own tables."""

from pathlib import Path

import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import (
    DatabaseUnavailableError,
    MissingDatabaseError,
    SchemaError,
)
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.spec.server_errors.mysql import LOCKS_REFUSED

# Revisions compare as text: four digits.
HEAD = "0010"
# In ``constants``: the oldest head that works with the tables.
COMPATIBLE_FROM = "schema-compatible-from"
VERSION_TABLE = "amphv2_alembic_version"
_LOCK = "amphv2_bootstrap:schema"
_LOCK_SECONDS, _PART_SECONDS = 60, 10


def revision(database: Database) -> str | None:
    """The revision of the tables; None where there are none.

    :raises MissingDatabaseError: there is no database to hold them.
    """
    try:
        with database.read() as connection:
            found = connection.execute(
                sa.text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
            ).scalar()
    except MissingDatabaseError:
        raise
    except SchemaError:
        return None
    return None if found is None else str(found)


def check(database: Database) -> None:
    """Accept the tables of this version, and newer ones that say they are compatible.

    :raises SchemaError: this version can't work with the tables.
    """
    found = revision(database)
    if found is None or found < HEAD:
        raise SchemaError(
            "use the engine's database",
            on=database.place,
            why=f"its tables are at {found or 'no revision'}, not at {HEAD}",
            todo="Run 'amphv2-bootstrap db upgrade'.",
        )
    if found > HEAD and not _is_compatible(database):
        raise SchemaError(
            "use the engine's database",
            on=database.place,
            why=f"its tables are at {found}, and this version needs {HEAD}",
            todo="Upgrade amphv2-bootstrap on this host to the version that upgraded "
            "the tables.",
        )


def _is_compatible(database: Database) -> bool:
    """Whether newer tables say that a version with our head works with them."""
    table = schema.constants
    query = sa.select(table.c.value).where(table.c.name == COMPATIBLE_FROM)
    with database.read() as connection:
        oldest = connection.execute(query).scalar()
    return oldest is not None and str(oldest) <= HEAD


def upgrade(database: Database) -> bool:
    """Bring the tables to this version; False when they were there already.

    Safe to run from several processes at once (one works, the others wait) and
    again after a crash in the middle: every revision looks before it acts.

    :raises DatabaseUnavailableError: try again later.
    :raises MissingDatabaseError: there is no database on that server yet.
    :raises SchemaError: the tables are of a newer version, and not compatible.
    """
    if (revision(database) or "") >= HEAD:
        check(database)
        return False
    if database.is_sqlite:
        with database.write() as connection:
            return _upgrade(connection)
    with database.write() as connection:
        _lock(connection, database)
        return _upgrade(connection)


def _lock(connection: sa.Connection, database: Database) -> None:
    """Lock out other upgrades until the connection's end.

    It is the one that upgrades: if its client is gone without a FIN, the server ends it
    when it is idle. Some servers refuse named locks (:data:`LOCKS_REFUSED`).
    """
    connection.detach()  # the pool would keep it, and so the lock
    # In parts, each shorter than the connection's read timeout.
    query = sa.select(sa.func.get_lock(_LOCK, _PART_SECONDS))
    tries = _LOCK_SECONDS // _PART_SECONDS
    try:
        acquired = any(connection.execute(query).scalar() == 1 for _ in range(tries))
    except sa.exc.DBAPIError as exc:
        if exc.orig is not None and set(exc.orig.args[:1]) & set(LOCKS_REFUSED):
            return
        raise
    if not acquired:
        raise DatabaseUnavailableError(
            "upgrade the engine's tables",
            on=database.place,
            why=f"another upgrade held the lock for {_LOCK_SECONDS} s",
            todo="Wait for it to end, then run 'amphv2-bootstrap db upgrade' again.",
        )


def _upgrade(connection: sa.Connection) -> bool:
    # Imported here: only an upgrade needs it, and it is slow to import.
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    )
    if (context.get_current_revision() or "") >= HEAD:
        return False
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).with_name("migrations"))
    )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True
