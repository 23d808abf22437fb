# SPDX-License-Identifier: Apache-2.0
"""Checks whether a database server is fit to keep the state of Octavia's tasks.

All functions only read, and give full sentences that say what to do. Errors are those
of :meth:`amphv2_bootstrap.adapters.mysql.sessions.Session.rows`.
"""

import contextlib
import datetime
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.mysql.sessions import Session
from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.errors import BootstrapError

PACKET_BYTES = 16 * 2**20
"""MariaDB's default. A load balancer with many members needs rows of megabytes."""

RECYCLE_SECONDS = 3600
"""oslo.db's default of connection_recycle_time, which Octavia passes to taskflow."""

_OFF = ("0", "OFF")

# taskflow's migrations make the other JSON columns LONGTEXT, but not these.
_NARROW = (
    ("logbooks", "meta"),
    ("atomdetails", "meta"),
    ("atomdetails", "revert_results"),
)


def recycle_seconds(files: Iterable[Path]) -> int:
    """connection_recycle_time from the last file that sets it, else its default."""
    found = RECYCLE_SECONDS
    for file in files:
        # The code that loads the file reports what is wrong with it.
        with contextlib.suppress(BootstrapError, ValueError):
            options = conf_file.get_options(durable_file.read(str(file)), "database")
            found = int(options.get("connection_recycle_time", found))
    return found


def clock_offset(session: Session) -> float:
    """The seconds by which the server's clock is ahead of this host's."""
    before = time.time()
    there = session.value("SELECT UTC_TIMESTAMP(6)")
    here = (before + time.time()) / 2  # the server answered in between
    return float(there.replace(tzinfo=datetime.UTC).timestamp() - here)


def read_only_variables(session: Session) -> tuple[str, ...]:
    """The server's variables for which it takes no writes; empty if it does."""
    rows = session.rows(
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only',"
        " 'innodb_read_only', 'transaction_read_only', 'tx_read_only')"
    )
    return tuple(str(name) for name, value in rows if str(value).upper() not in _OFF)


def traps(session: Session, database: str, files: Iterable[Path]) -> tuple[str, ...]:
    """All warnings below and of TLS, for an Octavia that loads these files."""
    return (
        *small_packets(session),
        *short_idle_time(session, recycle_seconds(files)),
        *narrow_columns(session, database),
        *session.certificate_warnings(),
    )


def small_packets(session: Session) -> Iterator[str]:
    """Warn if max_allowed_packet is small: a larger statement ends the connection."""
    found = int(session.value("SELECT @@GLOBAL.max_allowed_packet"))
    if found < PACKET_BYTES:
        yield (
            f"max_allowed_packet of {session.place} is {found} bytes: Octavia writes "
            "the state of a large load balancer in one statement, which the server "
            f"would refuse. Set it to {PACKET_BYTES} (16M) in the server's "
            "configuration and by SET GLOBAL."
        )


def short_idle_time(
    session: Session, recycle_seconds: int = RECYCLE_SECONDS
) -> Iterator[str]:
    """Warn if the server closes idle connections that Octavia's pool still keeps.

    :param recycle_seconds: Octavia's [database] connection_recycle_time.
    """
    found = int(session.value("SELECT @@GLOBAL.wait_timeout"))
    if found < recycle_seconds:
        yield (
            f"{session.place} closes idle connections after {found} s (wait_timeout), "
            f"but Octavia keeps them for {recycle_seconds} s and will fail on them. "
            f"Set [database] connection_recycle_time in octavia.conf below {found}, "
            "or wait_timeout higher."
        )


def narrow_columns(session: Session, database: str) -> Iterator[str]:
    """Warn of columns of 64 KB, which a load balancer with many members exceeds.

    No warning if the tables don't exist.
    """
    rows = session.rows(
        "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = %s AND DATA_TYPE = 'text' AND TABLE_NAME IN"
        " ('logbooks', 'atomdetails') AND COLUMN_NAME IN ('meta', 'revert_results')",
        database,
    )
    there = {(str(table), str(column)) for table, column in rows}
    narrow = [place for place in _NARROW if place in there]
    if narrow:
        names = ", ".join(".".join(place) for place in narrow)
        yield (
            f"{names} in {database} hold only 64 KB, as taskflow created them: the "
            "flow of a very large load balancer fails there. While Octavia works on no "
            f"load balancer, run: {_widening(narrow, database)}"
        )


def _widening(places: list[tuple[str, str]], database: str) -> str:
    quoted = database.replace("`", "``")
    tables = dict.fromkeys(table for table, _ in places)
    return " ".join(
        f"ALTER TABLE `{quoted}`.{table} "
        + ", ".join(
            f"MODIFY {col} LONGTEXT NULL" for name, col in places if name == table
        )
        + ";"
        for table in tables
    )
