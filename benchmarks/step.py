# SPDX-License-Identifier: Apache-2.0
"""The cost of a step that does nothing: in our engine, in raw taskflow, in DBOS.

The time of a flow of ten no-op steps, from its load to its end, divided by their
number: our longest flow has seven. The cost of steps of longer flows stands beside it.
Our engine takes turns with DBOS, then with taskflow: taskflow's writes keep MariaDB
busy for a while, which must not count in the comparison with DBOS. Every commit is on
disk.
"""

import contextlib
import importlib
import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from taskflow import engines
from taskflow.patterns import linear_flow
from taskflow.persistence import backends, models

from amphv2_bootstrap.engine.execution.outcome import Outcome
from amphv2_bootstrap.engine.execution.runner import Runner
from amphv2_bootstrap.engine.lease import Lease
from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.spec.masking import Masker
from benchmarks.figures import Effort, Figure, Row, median, rounded
from benchmarks.servers import Servers
from tests.servers.mariadb import MariaDB
from tests.unit.engine.toys import Cloud, Ledger, Toy, ToyFlows

LENGTHS = (10, 100, 1000)
_EXPIRY = 3600.0  # so long that no claim is renewed during a measurement
_COMPARED = 10

Run = Callable[[int], float]
"""Runs a flow of that many steps; seconds from its load to its end."""


@dataclass(frozen=True, slots=True)
class _Turns:
    """Milliseconds of a step, of two engines that took turns."""

    ours: float
    theirs: float


def benchmark(servers: Servers, effort: Effort) -> Figure:
    """``step_ms`` of the three engines, and of ours by the flow's length."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(_ours(servers))
        lengths = LENGTHS[: effort.of(3, 2)]
        by_length = _by_length(ours, lengths, effort.of(3, 1))
        commits = [_commits(servers.mariadb, ours, count) for count in lengths[:2]]
        others = {
            name: _in_turns(ours, other(servers), effort.of(25, 1))
            for name, other in (("dbos", _dbos), ("taskflow", _taskflow))
        }
    per_step = (commits[1] - commits[0]) / (lengths[1] - lengths[0])
    return _figure(others, by_length, rounded(per_step))


def _figure(
    others: Mapping[str, _Turns], by_length: dict[int, float], commits: float
) -> Figure:
    dbos, taskflow = others["dbos"], others["taskflow"]
    faster = rounded(taskflow.theirs / taskflow.ours)
    beside = rounded(dbos.ours / dbos.theirs)
    rows = (
        Row("ours, MariaDB", dbos.ours, "ms"),
        Row("DBOS, PostgreSQL", dbos.theirs, "ms"),
        Row("ours / DBOS", beside, "times", 1),
        Row("ours, beside taskflow", taskflow.ours, "ms"),
        Row("raw taskflow, MariaDB", taskflow.theirs, "ms"),
        Row("taskflow / ours", faster, "times", 8, at_least=True),
        Row("transactions", commits, "per step", 2),
        *(Row(f"ours, of {n} steps", ms, "ms") for n, ms in by_length.items()),
    )
    values = {
        "ours": dbos.ours,
        "taskflow": taskflow.theirs,
        "dbos": dbos.theirs,
        "ours_beside_taskflow": taskflow.ours,
        "taskflow_by_ours": faster,
        "ours_by_dbos": beside,
        "transactions_per_step": commits,
        "ours_by_length": {str(n): ms for n, ms in by_length.items()},
    }
    return Figure("step_ms", values, rows)


def _in_turns(
    ours: Run, other: contextlib.AbstractContextManager[Run], rounds: int
) -> _Turns:
    found: tuple[list[float], list[float]] = ([], [])
    with other as theirs:
        for run in (ours, theirs):
            run(_COMPARED)  # caches are warm from here on
        for _ in range(rounds):
            for run, times in zip((ours, theirs), found, strict=True):
                times.append(run(_COMPARED) / _COMPARED * 1000)
    return _Turns(*map(median, found))


def _by_length(run: Run, lengths: tuple[int, ...], rounds: int) -> dict[int, float]:
    found: dict[int, list[float]] = {length: [] for length in lengths}
    for _, length in itertools.product(range(rounds), lengths):
        found[length].append(run(length) / length * 1000)
    return {length: median(times) for length, times in found.items()}


def _commits(server: MariaDB, run: Run, length: int) -> int:
    before = _com_commit(server)
    run(length)
    return _com_commit(server) - before


def _com_commit(server: MariaDB) -> int:
    return int(server.execute("SHOW GLOBAL STATUS LIKE 'Com_commit'")[0][1])


class _Claim:
    """A board that renews every claim."""

    def renew(self, *_: object) -> bool:
        return True


@contextlib.contextmanager
def _ours(servers: Servers) -> Iterator[Run]:
    """Our engine's runner under a lease, with every write fenced."""
    flows = ToyFlows(Ledger(), _Steps())
    cloud = Cloud(servers.new_folder(), flows, servers.database_url("ours"))
    runner = Runner(
        cloud.database, cloud.journal, flows, cloud.contexts, Masker(["s3cr3t"])
    )

    def run(length: int) -> float:
        posted = cloud.post([NewFlowRun(f"steps-{length}", 1)])
        (flow_run,) = cloud.store.flow_runs_of(posted)
        taken = cloud.journal.take(flow_run.uuid)
        assert taken is not None
        entry: Any = taken
        board: Any = _Claim()
        lease = Lease(board, entry, "bench", _EXPIRY, time.monotonic())
        job = cloud.store.job(posted)
        with lease:
            began = time.perf_counter()
            end = runner.run(taken, job, lease, threading.Event())
            took = time.perf_counter() - began
        assert end.outcome is Outcome.DONE, end
        cloud.journal.settle(taken, FlowState.DONE)
        return took

    with contextlib.closing(cloud.database):
        yield run


class _Steps(dict[str, list[str]]):
    """The flow ``steps-N`` has N steps."""

    def __contains__(self, name: object) -> bool:
        return str(name).startswith("steps-")

    def __getitem__(self, name: str) -> list[str]:
        return _names(int(name.partition("-")[2]))


def _names(length: int) -> list[str]:
    return [f"step-{number}" for number in range(length)]


@contextlib.contextmanager
def _taskflow(servers: Servers) -> Iterator[Run]:
    """taskflow's serial engine on its own SQLAlchemy backend."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    conf = {"connection": servers.database_url("taskflow")}
    backend = backends.fetch(conf)
    with contextlib.closing(backend.get_connection()) as connection:
        connection.upgrade()

    def run(length: int) -> float:
        flow = linear_flow.Flow("bench")
        flow.add(*(Toy(name, Ledger()) for name in _names(length)))
        book = models.LogBook("bench")
        detail = models.FlowDetail("bench", str(uuid.uuid4()))
        book.add(detail)
        with contextlib.closing(backend.get_connection()) as connection:
            connection.save_logbook(book)
        began = time.perf_counter()
        engine = engines.load(
            flow, flow_detail=detail, book=book, backend=backend, engine="serial"
        )
        engine.run()
        return time.perf_counter() - began

    try:
        yield run
    finally:
        backend.close()


@contextlib.contextmanager
def _dbos(servers: Servers) -> Iterator[Run]:
    """A DBOS workflow of steps, its system database on PostgreSQL."""
    dbos: Any = importlib.import_module("dbos").DBOS
    dbos(
        config={
            "name": "bench",
            "system_database_url": servers.postgresql.url,
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )

    @dbos.step()  # type: ignore[untyped-decorator]
    def step() -> dict[str, str]:
        return {"effect": "changed", "summary": "done"}

    @dbos.workflow()  # type: ignore[untyped-decorator]
    def workflow(length: int) -> None:
        for _ in range(length):
            step()

    def run(length: int) -> float:
        began = time.perf_counter()
        workflow(length)
        return time.perf_counter() - began

    dbos.launch()
    try:
        yield run
    finally:
        dbos.destroy()
