# SPDX-License-Identifier: Apache-2.0
"""Whether what the engine's database has committed survives a fail-over."""

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from amphv2_bootstrap.engine.storage.database import Database

_VARIABLES = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('{}')"
_STATUS = "SHOW GLOBAL STATUS WHERE Variable_name IN ('{}')"
_SETTINGS = ("read_only", "wsrep_on", "innodb_flush_log_at_trx_commit")
# MariaDB's, and MySQL's: ON while at least one replica confirms each commit in time.
_SEMI_SYNC = ("rpl_semi_sync_master_status", "rpl_semi_sync_source_status")
_REPLICAS = "slaves_connected"  # of MariaDB
# Shows the threads of others only to an account with the privilege PROCESS.
_DUMPS = (
    "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
    " WHERE COMMAND LIKE 'Binlog Dump%'"
)


def risks(database: Database) -> list[str]:
    """Why a post, a claim or a step that was acknowledged may be lost.

    Full sentences that say what to do, as far as the server shows its settings.
    Raises what :meth:`Database.read` does.
    """
    if database.is_sqlite:
        return []
    with database.read() as connection:
        settings = _values(connection, _VARIABLES, _SETTINGS)
        if settings.get("wsrep_on") == "ON":
            return []
        status = _values(connection, _STATUS, (_REPLICAS, *_SEMI_SYNC))
        dumps = int(connection.execute(sa.text(_DUMPS)).scalar_one())
    replicas = max(dumps, int(status.get(_REPLICAS, "0")))
    is_confirmed = any(status.get(name) == "ON" for name in _SEMI_SYNC)
    return list(_judged(database.place, settings, 0 if is_confirmed else replicas))


def _values(
    connection: sa.Connection, query: str, names: tuple[str, ...]
) -> Mapping[str, str]:
    rows = connection.execute(sa.text(query.format("','".join(names))))
    return {str(name).lower(): str(value) for name, value in rows}


def _judged(place: str, settings: Mapping[str, str], replicas: int) -> Iterator[str]:
    if settings.get("read_only", "OFF") != "OFF":
        yield (
            f"The engine's database ({place}) is read-only: is it a replica? "
            "[task_flow] persistence_connection must lead to the server that takes "
            "writes."
        )
    if replicas:
        yield (
            f"The engine's database ({place}) does not wait for its {replicas} "
            "replicas: a fail-over may lose a job that was posted, or steps that were "
            "done. Use Galera, or turn on semi-synchronous replication."
        )
    if settings.get("innodb_flush_log_at_trx_commit", "1") != "1":
        yield (
            f"The engine's database ({place}) does not write each commit to disk: when "
            "its host loses power, a job that was posted may be lost. Set "
            "innodb_flush_log_at_trx_commit = 1."
        )
