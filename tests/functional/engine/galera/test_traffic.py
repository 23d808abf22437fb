# SPDX-License-Identifier: Apache-2.0
"""Random writes of many conductors through two nodes; then every invariant holds.

``AMPHV2_FAULTS_SEED`` is the seed.
"""

import contextlib
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from amphv2_bootstrap.engine.errors import DatabaseUnavailableError, FencedError
from amphv2_bootstrap.engine.execution.retry_until_cancelled import (
    retry_until_cancelled,
)
from amphv2_bootstrap.engine.records import FlowRun, FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.step_writes import Change, StepWrites
from tests.faults.cloud import SEED
from tests.faults.invariants import (
    History,
    left_open,
    lost,
    turned_back,
    written_when_fenced,
)
from tests.servers.galera import Galera
from tests.unit.engine.toys import Cloud

FLOWS = [
    NewFlowRun(flow, stage, f"host{number}")
    for stage, flow in enumerate(("first", "second"))
    for number in range(3)
]
CONDUCTORS = 4
JOBS = 3
_NEVER = threading.Event()


@dataclass
class Conductor:
    """Writes through one node what a conductor would, in any order, at any time."""

    cloud: Cloud
    name: str
    job: str
    chance: random.Random
    held: dict[str, FlowRun] = field(default_factory=dict)
    refused: int = 0

    def __post_init__(self) -> None:
        self.journal = Journal(self.cloud.database, self.name)

    def work(self) -> None:
        """Act until the job is finished."""
        while retry_until_cancelled(self.cloud.job_creation.unfinished, _NEVER):
            with contextlib.suppress(FencedError):
                retry_until_cancelled(self._act, _NEVER)

    def _act(self) -> None:
        try:
            if self.held and self.chance.random() < 0.7:
                self._go_on(self.chance.choice(sorted(self.held)))
            else:
                self._take()
        except (DatabaseUnavailableError, FencedError):
            self.refused += 1
            raise

    def _take(self) -> None:
        runs = self.cloud.store.live_flow_runs()
        if runs:
            run = self.journal.take(self.chance.choice(runs).uuid)
            if run is not None:
                self.held[run.uuid] = run

    def _go_on(self, uuid: str) -> None:
        run = self.held[uuid]
        try:
            if self.chance.random() < 0.6:
                self._write_step(run)
            else:
                end = FlowState.READY if self.chance.random() < 0.3 else FlowState.DONE
                self.journal.settle(run, end)
                del self.held[uuid]
        except FencedError:
            del self.held[uuid]
            raise

    def _write_step(self, run: FlowRun) -> None:
        state = self.chance.choice(("RUNNING", "SUCCESS"))
        writes = StepWrites(self.cloud.database, run, self.name)
        with self.cloud.database.write() as connection:
            writes.write(connection, [Change(run.uuid, "a", {"state": state})])


@contextlib.contextmanager
def _lag(galera: Galera, chance: random.Random) -> Iterator[None]:
    """Have the second node lag behind now and then."""
    end = threading.Event()

    def lag() -> None:
        while not end.wait(chance.uniform(0.0, 0.3)):
            with galera.lagging():
                end.wait(chance.uniform(0.0, 0.3))

    with ThreadPoolExecutor(1) as pool:
        lagging = pool.submit(lag)
        try:
            yield
        finally:
            end.set()
            lagging.result()


def _steps_of(cloud: Cloud, job: str) -> None:
    with cloud.database.write() as connection:
        for run in cloud.store.flow_runs_of(job):
            parent = run.flow_detail_uuid
            row = {"uuid": run.uuid, "name": "a", "parent_uuid": parent}
            connection.execute(
                schema.atomdetails.insert().values(**row, atom_type="TASK_DETAIL")
            )


@pytest.mark.timeout(300)
def test_random_writes_through_two_nodes(
    sides: tuple[Cloud, Cloud], galera: Galera
) -> None:
    """Only holders write; each stage is released, and the job is closed, by itself."""
    print(f"AMPHV2_FAULTS_SEED={SEED}")
    for number in range(JOBS):
        _play(sides, galera, f"{SEED} {number}")


def _play(sides: tuple[Cloud, Cloud], galera: Galera, seed: str) -> None:
    job = sides[0].post(FLOWS)
    _steps_of(sides[0], job)
    galera.wait_until_in_step()
    conductors = [
        Conductor(sides[n % 2], f"c{n}", job, random.Random(f"{seed} {n}"))
        for n in range(CONDUCTORS)
    ]
    with (
        _lag(galera, random.Random(f"{seed} lag")),
        ThreadPoolExecutor(CONDUCTORS) as pool,
    ):
        for done in [pool.submit(one.work) for one in conductors]:
            done.result()
    galera.wait_until_in_step()
    print("refused:", *(one.refused for one in conductors))
    store = sides[1].store
    runs = store.flow_runs_of(job)
    events = [event for _, event in store.events(job)]
    history = History([run.uuid for run in runs], runs, events, [])
    invariants = (lost, left_open, turned_back, written_when_fenced)
    assert [one for find in invariants for one in find(history)] == []
    assert {run.state for run in runs} == {FlowState.DONE}
    assert sides[0].store.flow_runs_of(job) == runs
