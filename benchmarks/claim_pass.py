# SPDX-License-Identifier: Apache-2.0
"""The cost of a conductor's pass over a crowded board.

All jobs are claimed by others or are for another host: the pass looks at each and
claims none. Passes that also compare the board with the database are measured
separately; there is one each second while others hold claims.
"""

import contextlib
import gc
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amphv2_bootstrap.engine.storage.database import Database
from benchmarks.conductor_program import conductor, flows
from benchmarks.crowd import crowded, new_entries
from benchmarks.figures import Effort, Figure, Row, median, rounded
from benchmarks.places import Place
from benchmarks.requests import counter
from benchmarks.servers import BOARDS, Servers
from tests.unit.engine.toys import Cloud

SIZES = (1_000, 10_000)
_FLAT = 1.5
_ROUND_TRIPS = 3


@dataclass(frozen=True, slots=True)
class _Passes:
    """Milliseconds of a pass of each kind; requests of a plain pass to the server."""

    plain: float
    reconciling: float
    requests: float | None


def benchmark(servers: Servers, effort: Effort) -> Figure:
    """``claim_pass_ms`` per board and number of jobs on it."""
    values = {}
    rows = []
    sizes = SIZES if not effort.quick else (100, 1_000)
    for board in BOARDS:
        found = _measure(servers, board, sizes, effort.of(7, 3))
        values[board] = _values(found)
        rows += _rows(board, found)
    return Figure("claim_pass_ms", values, rows)


def _values(found: dict[int, _Passes]) -> dict[str, Any]:
    return {
        str(size): {
            "median": passes.plain,
            "per_job": rounded(passes.plain / size),
            "with_reconciling": passes.reconciling,
            "requests": passes.requests,
        }
        for size, passes in found.items()
    }


def _rows(board: str, found: dict[int, _Passes]) -> list[Row]:
    small, large = found
    growth = rounded((found[large].plain / large) / (found[small].plain / small))
    rows = [Row(f"{board}, {size:,} jobs", p.plain, "ms") for size, p in found.items()]
    rows.append(Row(f"{board}, per job: {large:,} / {small:,}", growth, "times", _FLAT))
    requests = found[large].requests
    if requests is not None:
        rows.append(Row(f"{board}, a pass", requests, "requests", _ROUND_TRIPS))
    return rows


def _measure(
    servers: Servers, board: str, sizes: tuple[int, ...], rounds: int
) -> dict[int, _Passes]:
    """Passes over the boards of all sizes in turns, so that all have the same noise."""
    with contextlib.ExitStack() as stack:
        crowds = {
            size: stack.enter_context(_crowd(servers, board, size)) for size in sizes
        }
        for _, passing in itertools.product(range(rounds), crowds.values()):
            passing.measure()
        return {size: passing.passes(servers) for size, passing in crowds.items()}


@contextlib.contextmanager
def _crowd(servers: Servers, board: str, size: int) -> Iterator["_Passing"]:
    """A board with that many jobs, and a conductor that knows them."""
    place, folder = servers.place(board), servers.new_folder()
    cloud = Cloud(folder, flows(folder / "none"), place.database_url)
    with (
        contextlib.closing(cloud.database),
        crowded(place, cloud.database) as add,
        _Passing(place, cloud.database, folder) as passing,
    ):
        add(new_entries(1, size))
        passing.warm_up()
        yield passing


class _Passing:
    """A conductor in this process that makes a pass at each call."""

    def __init__(self, place: Place, database: Database, folder: Path) -> None:
        self._name = place.name
        toys = flows(folder / "none")
        self._conductor = conductor(place, database, "here", toys)
        self._plain: list[float] = []
        self._reconciling: list[float] = []

    def __enter__(self) -> "_Passing":
        return self

    def __exit__(self, *_: object) -> None:
        self._conductor._parts.board.close()

    def warm_up(self) -> None:
        """Make the first pass, which loads the jobs."""
        self._pass()

    def measure(self) -> None:
        """Measure a pass that reconciles, and one that doesn't."""
        self._conductor._reconciler.make_due()
        self._reconciling.append(self._pass())
        self._plain.append(self._pass())

    def passes(self, servers: Servers) -> _Passes:
        """The medians of the measured passes."""
        plain, reconciling = median(self._plain), median(self._reconciling)
        return _Passes(plain, reconciling, self._requests(servers))

    def _pass(self) -> float:
        # Collect before the measurement, not during it.
        gc.collect()
        began = time.perf_counter()
        self._conductor._pass()
        return (time.perf_counter() - began) * 1000

    def _requests(self, servers: Servers) -> float | None:
        count = counter(servers, self._name)
        if count is None:
            return None
        self._conductor._reconciler.make_due()
        self._pass()
        before = count()
        self._pass()
        return count() - before
