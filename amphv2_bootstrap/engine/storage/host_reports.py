# SPDX-License-Identifier: Apache-2.0
"""The hosts' reports on themselves, in the engine's database."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.database import Database, is_duplicate, to_json


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
    """The reports of all hosts, one a host.

    Every method raises :class:`DatabaseUnavailableError` while the database is
    away, and is safe to call twice.

    :param clock: this host's wall clock, in epoch seconds.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._clock = clock

    def publish(
        self, host: str, owner: str, version: str, content: Mapping[str, Any]
    ) -> None:
        """Store the host's report in place of its former one.

        :param content: JSON-ready, without secrets.
        """
        table = schema.host_reports
        values: dict[str, Any] = {
            "owner": owner,
            "version": version,
            "clock_offset": self._clock_offset(),
            "report": to_json(content),
            "reported_at": self._database.now,
        }
        with self._database.write() as connection:
            connection.execute(table.delete().where(table.c.host == host))
            connection.execute(table.insert().values(host=host, **values))

    def all(self) -> list[HostReport]:
        """The newest report of each host that ever made one, sorted by host."""
        table = schema.host_reports
        age = (self._database.now - table.c.reported_at).label("age")
        with self._database.read() as connection:
            rows = connection.execute(sa.select(table, age).order_by(table.c.host))
            return [_report(row) for row in rows]

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
        return round(here - float(there), 3)


def _report(row: Any) -> HostReport:
    values = dict(row._mapping)
    return HostReport(content=json.loads(values.pop("report")), **values)
