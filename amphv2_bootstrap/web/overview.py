# SPDX-License-Identifier: Apache-2.0
"""What the page shows of the engine's database, read at once and kept for a moment."""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.description.attempts import (
    Attempt,
    Takeover,
    attempts,
    takeovers,
)
from amphv2_bootstrap.engine.description.report import describe, summarize
from amphv2_bootstrap.engine.liveness import ConductorRow, alive
from amphv2_bootstrap.engine.records import Drain, Job
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError, NotFoundError

_LAST_JOBS = 8
_FRESH_SECONDS = 1.0
_MOST_KEPT = 8


@dataclass(frozen=True, slots=True)
class Overview:
    """One job, or none, with all conductors and the last jobs.

    ``now`` is in epoch seconds by the database's clock, as all times are.
    """

    now: float
    conductors: Sequence[ConductorRow]
    drains: Mapping[str, Drain]
    jobs: Sequence[dict[str, Any]]
    report: dict[str, Any] | None = None
    began_at: float = 0.0
    attempts: Sequence[Attempt] = ()
    takeovers: Sequence[Takeover] = ()


def read(store: Store, text: str | None) -> Overview:
    """The job that ``text`` means, as commands take it; None: the newest, if any.

    :raises NotFoundError: there is no such job.
    """
    rows = store.conductors()
    last = store.jobs(_LAST_JOBS)
    jobs = [
        summarize(job, [run.state for run in store.flow_runs_of(job.uuid)])
        for job in last
    ]
    base = Overview(_now(store), rows, store.drains(), jobs)
    if text is None and not last:
        return base
    return _with_job(base, store, store.resolve(text) if text else last[0])


def _with_job(base: Overview, store: Store, job: Job) -> Overview:
    living = {row.owner for row in alive(base.conductors)}
    events = [event for _, event in store.events(job.uuid)]
    runs = store.flow_runs_of(job.uuid)
    return dataclasses.replace(
        base,
        report=describe(store, job),
        began_at=job.created_at,
        attempts=[each for run in runs for each in attempts(run, events, living)],
        takeovers=[each for run in runs for each in takeovers(run, events)],
    )


def _now(store: Store) -> float:
    with store.database.read() as connection:
        return float(connection.execute(sa.select(store.database.now)).scalar_one())


@dataclass(frozen=True, slots=True)
class Seen:
    """An overview, how many seconds old it is, and why there is no newer one."""

    overview: Overview
    age: float = 0.0
    trouble: BootstrapError | None = None


class Overviews:
    """Overviews for many readers at once: only one of them asks the database.

    While it asks, and while the database is away, the others get the last one: a
    database that hangs blocks one thread, and many readers cost no more than one.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._asking = threading.Lock()
        self._kept: dict[str | None, tuple[float, Overview]] = {}

    def get(self, text: str | None) -> Seen | None:
        """None where there is nothing yet, because another reader is asking.

        Raises what :func:`read` does, an outage only if no overview is kept.
        """
        kept = self._kept.get(text)
        if kept is not None and time.monotonic() - kept[0] < _FRESH_SECONDS:
            return Seen(kept[1])
        if not self._asking.acquire(blocking=False):
            return self._last(text)
        try:
            return Seen(self._ask(text))
        except NotFoundError:
            raise
        except BootstrapError as exc:
            last = self._last(text, exc)
            if last is None:
                raise
            return last
        finally:
            self._asking.release()

    def _ask(self, text: str | None) -> Overview:
        found = read(self._store(), text)
        self._kept.pop(text, None)
        while len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[text] = (time.monotonic(), found)
        return found

    def _last(
        self, text: str | None, trouble: BootstrapError | None = None
    ) -> Seen | None:
        kept = self._kept.get(text)
        if kept is None:
            return None
        return Seen(kept[1], time.monotonic() - kept[0], trouble)
