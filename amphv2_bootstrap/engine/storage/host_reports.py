# SPDX-License-Identifier: Apache-2.0
"""The hosts' reports on themselves, in the engine's database."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.bounded import read_object, sound
from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database, is_duplicate, to_json

UNREADABLE = "unreadable"
"""The key of a report that could not be made or relied on; its value is the reason."""

_SEAL = "seal"
_UNSEALED = (
    "its report has no seal of this host's secrets: the secrets of "
    "amphv2-bootstrap.conf differ there, its version is older, or somebody changed it "
    "in the engine's database"
)


@dataclass(frozen=True, slots=True)
class HostReport:
    """A row of ``host_reports``.

    ``version`` is that of this package on the host. ``clock_offset`` is how many
    seconds the host's clock was ahead of the database's. ``content`` is what the
    host's ``ReportSource`` made. ``reported_at`` is in epoch seconds by the
    database's clock, ``age`` in seconds.
    """

    host: str
    owner: str
    version: str
    clock_offset: float
    content: Mapping[str, Any]
    reported_at: float
    age: float


class HostReports:
    """The reports of all hosts, one a host, sealed by the host that made it.

    Every method raises :class:`DatabaseUnavailableError` while the database is
    away, and is safe to call twice.

    :param derive: the key of this host's secrets for a salt, which all hosts share.
    :param clock: this host's wall clock, in epoch seconds.
    """

    def __init__(
        self,
        database: Database,
        derive: Callable[[bytes], Key],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._derive = derive
        self._clock = clock

    @cached_property
    def key(self) -> Key:
        """The same on all hosts of the cloud with the same secrets."""
        salt = self.constant("report-salt", lambda: os.urandom(16).hex())
        return self._derive(salt.encode())

    def publish(
        self, host: str, owner: str, version: str, content: Mapping[str, Any]
    ) -> None:
        """Store the host's report in place of its former one.

        :param content: JSON-ready, without secrets.
        """
        table, offset = schema.host_reports, self._clock_offset()
        seal = self.key.seal(*_sealed(host, owner, version, offset, content))
        values: dict[str, Any] = {
            "owner": owner,
            "version": version,
            "clock_offset": offset,
            "report": to_json({**content, _SEAL: seal}),
            "reported_at": self._database.now,
        }
        with self._database.write() as connection:
            connection.execute(table.delete().where(table.c.host == host))
            connection.execute(table.insert().values(host=host, **values))

    def all(self) -> list[HostReport]:
        """The newest report of each host that ever made one, sorted by host.

        A report with a seal that doesn't fit is unreadable: nothing in it is certain.
        """
        table = schema.host_reports
        age = (self._database.now - table.c.reported_at).label("age")
        with self._database.read() as connection:
            rows = connection.execute(sa.select(table, age).order_by(table.c.host))
            return [_report(row, self.key) for row in sound(table, rows)]

    def constant(self, name: str, make: Callable[[], str]) -> str:
        """The value of that name, which all hosts share; the first caller makes it."""
        found = self._constant(name)
        if found is not None:
            return found
        try:
            with self._database.write() as connection:
                connection.execute(
                    schema.constants.insert().values(name=name, value=make())
                )
        except DatabaseError as exc:
            if not is_duplicate(exc):
                raise
        made = self._constant(name)
        assert made is not None  # noqa: S101 - nothing deletes it
        return made

    def _constant(self, name: str) -> str | None:
        table = schema.constants
        query = sa.select(table.c.value).where(table.c.name == name)
        with self._database.read() as connection:
            value = connection.execute(query).scalar()
        return None if value is None else str(value)

    def _clock_offset(self) -> float:
        with self._database.read() as connection:
            before = self._clock()
            there = connection.execute(sa.select(self._database.now)).scalar_one()
            here = (before + self._clock()) / 2  # the answer was made in between
        return round(here - float(there), 3) + 0.0  # no database keeps -0.0


def _sealed(host: str, owner: str, version: str, *rest: Any) -> tuple[Any, ...]:
    return ("report", host, owner, version, *rest)


def _report(row: Any, key: Key) -> HostReport:
    values = dict(row._mapping)
    found = read_object(values.pop("report"))
    content = {name: found[name] for name in found if name != _SEAL}
    about = (row.host, row.owner, row.version, row.clock_offset)
    if not key.fits(found.get(_SEAL), *_sealed(*about, content)):
        content = {UNREADABLE: _UNSEALED}
    return HostReport(content=content, **values)
