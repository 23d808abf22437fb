# SPDX-License-Identifier: Apache-2.0
"""One engine's database and board, and machines with conductors that share them."""

import contextlib
import dataclasses
import itertools
import os
import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.engine.board import Board
from amphv2_bootstrap.engine.records import FlowRun, NewFlowRun
from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.job_creation import JobCreation
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from tests.board_option import left_of
from tests.contract.boards import open_board
from tests.faults import ledger
from tests.faults.conductor_process import board_settings
from tests.faults.invariants import History, Invariant, breaches, left_open
from tests.faults.machine import Machine, Process
from tests.faults.poster_process import MAIN, make_new_job
from tests.faults.script import Script, ToyStep
from tests.servers.process import wait_until

BOARDS = ("sql", "sql-mariadb", "redis", "zookeeper", "etcd")
SEED = os.environ.get("AMPHV2_FAULTS_SEED") or str(uuid.uuid4().int % 10**6)
"""The seed of all random choices; set AMPHV2_FAULTS_SEED to repeat them."""


@dataclass(frozen=True, slots=True)
class BoardChoice:
    """Chooses the boards of a test among those that ``--board`` leaves.

    :param whole: whether the test runs on all of them, or on a random choice.
    """

    config: pytest.Config
    whole: bool
    chance: random.Random

    def one_of(self, kinds: Sequence[str] = BOARDS) -> str:
        """One of ``kinds``, at random."""
        return self.chance.choice(self._left(kinds)[0])

    def all_or_one(self, *groups: Sequence[str]) -> list[str]:
        """All kinds in the long form of a test, one of each group in the short form."""
        left = self._left(*(groups or (BOARDS,)))
        if self.whole:
            return [kind for kinds in left for kind in kinds]
        return [self.chance.choice(kinds) for kinds in left]

    def _left(self, *groups: Sequence[str]) -> list[list[str]]:
        """The kinds of each group that are left; skip the test if there are none."""
        left = [found for kinds in groups if (found := left_of(kinds, self.config))]
        if not left:
            pytest.skip(f"--board leaves none of {groups}")
        return left


@dataclass(frozen=True, slots=True)
class Backends:
    """The addresses of the database and the board, as in a script."""

    database: str
    board: Mapping[str, Any]


@dataclass
class Cloud:
    """What the conductors of one test share.

    The test itself reaches the servers by ``backends``, also if the conductors can't.
    """

    folder: Path
    backends: Backends
    machines: list[Machine]
    flows: Mapping[str, Sequence[ToyStep]] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self._open()

    def move_database(self, url: str) -> None:
        """Create the engine's tables in another database, and use it from now on."""
        self.database.close()
        board = dict(self.backends.board)
        if board["driver"] == "sql":
            board["database"] = url
        self.backends = Backends(url, board)
        self._open()
        migrate.upgrade(self.database)

    def _open(self) -> None:
        self.database = Database(self.backends.database)
        self.store = Store(self.database)
        self.journal = Journal(self.database, "tester:1:none:0")
        self.job_creation = JobCreation(self.database, self.journal)

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    def file(self, name: str) -> Path:
        """A new path in this cloud's folder."""
        return self.folder / f"{name}-{next(self._numbers)}"

    def touch(self, name: str) -> Path:
        """A new, empty file: a gate, or a trace."""
        path = self.file(name)
        path.touch()
        return path

    def gate_step_a(self) -> Path:
        """Make the flow ``main`` of steps a and b; a waits while this file exists."""
        gate = self.touch("gate")
        self.flows = {"main": [ToyStep("a", gate=str(gate)), ToyStep("b")]}
        return gate

    def start(
        self,
        host: str,
        *,
        machine: int = 0,
        backends: Backends | None = None,
        expiry: float | None = None,
        settings: Mapping[str, float] | None = None,
        **options: Any,
    ) -> Process:
        """Start a conductor; ``options`` are more fields of its script.

        :param backends: how it reaches the servers, if not by the cloud's own.
        :param expiry: of its claims, in seconds; on the board 60 s at most, since
            the tests' ZooKeeper grants no longer session.
        """
        servers = dataclasses.asdict(backends or self.backends)
        merged = dict(settings or {})
        if expiry is not None:
            merged["expiry"] = expiry
            servers["board"]["expiry"] = min(expiry, 60.0)
        script = self.script(host, settings=merged, **servers, **options)
        process = self.machines[machine].start(script)
        self.processes.append(process)
        return process

    def script(self, host: str, **options: Any) -> Script:
        """The script of one process; ``options`` are more of its fields."""
        log = str(self.file(f"log-{host}"))
        places = {"ledger": str(self.ledger), "log": log, "flows": self.flows}
        servers = dataclasses.asdict(self.backends)
        return Script(**{"host": host, **servers, **places, **options})

    def post(self, *flow_runs: NewFlowRun, on_failure: str = "park") -> "Posted":
        """Post a job into the database only; conductors post it on the board."""
        new_job = make_new_job(self.flows, flow_runs or MAIN, on_failure)
        return self.posted(self.job_creation.create(new_job))

    def posted(self, uuid: str) -> "Posted":
        """A job that is in the database."""
        return Posted(
            self, uuid, [flow_run.uuid for flow_run in self.store.flow_runs_of(uuid)]
        )

    def stop(self) -> None:
        """Kill every conductor."""
        for process in self.processes:
            process.kill()
        self.processes.clear()

    def describe(self) -> str:
        """The end of each conductor's log, for the report of a failure."""
        lines = []
        for process in self.processes:
            lines.append(f"--- {process.script.host} ({process.state})")
            lines += process.log[-40:]
        return "\n".join(lines)


MakeCloud = Callable[[str], Cloud]


@dataclass(frozen=True)
class Posted:
    """A job under test; ``ids`` are those of its flows."""

    cloud: Cloud
    uuid: str
    ids: Sequence[str]

    @property
    def flow_runs(self) -> list[FlowRun]:
        return self.cloud.store.flow_runs_of(self.uuid)

    @property
    def states(self) -> list[str]:
        return [flow_run.state.value for flow_run in self.flow_runs]

    @property
    def is_over(self) -> bool:
        return not list(left_open(self.history))

    @property
    def effects(self) -> list[ledger.Effect]:
        return [
            effect
            for effect in ledger.read(self.cloud.ledger)
            if effect.flow_run in self.ids
        ]

    @property
    def story(self) -> list[str]:
        """The ledger of this job, as ``begin STEP`` and ``end STEP``."""
        return [f"{effect.verb} {effect.step}" for effect in self.effects]

    @property
    def history(self) -> History:
        events = [event for _, event in self.cloud.store.events(self.uuid)]
        return History(self.ids, self.flow_runs, events, self.effects)

    def wait_for(self, line: str) -> None:
        """Return when the story has this line."""
        with explained(self):
            wait_until(lambda: line in self.story, what=f"the story has '{line}'")

    def wait(self, what: str = "every flow is over", timeout: float = 90.0) -> None:
        """Return when all flows are terminal or parked."""
        with explained(self):
            wait_until(lambda: self.is_over, what=what, timeout=timeout)

    def check(self, *, without: Sequence[Invariant] = ()) -> None:
        """Fail if an invariant does not hold."""
        found = breaches(self.history, without=without)
        if found:
            pytest.fail("\n".join([*found, explanation(self)]))


@contextlib.contextmanager
def explained(posted: Posted) -> Iterator[None]:
    """Print the whole history of the job if the block fails."""
    try:
        yield
    except BaseException:
        print(explanation(posted))
        raise


def explanation(posted: Posted) -> str:
    """The whole history of the job, and the end of the conductors' logs."""
    return f"{told(posted.history)}\n{posted.cloud.describe()}"


def told(history: History) -> str:
    """The whole history of a job, a line each."""
    lines = [
        f"flow {flow_run.uuid}: {flow_run.state.value} {flow_run.reason}"
        for flow_run in history.flow_runs
    ]
    lines += [
        f"event {event.at:.3f} {event.kind} {event.atom or ''} {event.message or ''}"
        f" by {event.owner}"
        for event in history.events
    ]
    lines += [
        f"ledger {effect.at:.3f} {effect.verb} {effect.step} epoch {effect.epoch}"
        f" by {effect.owner}"
        for effect in history.effects
    ]
    return "\n".join(lines)


def make_backends(request: pytest.FixtureRequest, kind: str, folder: Path) -> Backends:
    """A new database with its tables, and a board of that kind.

    The database is SQLite for ``sql``, otherwise MariaDB.
    """
    url = _database(request, folder, sqlite=kind == "sql")
    with contextlib.closing(Database(url)) as database:
        migrate.upgrade(database)
    if kind.startswith("sql"):
        board: dict[str, Any] = {"driver": "sql", "database": url}
    else:
        server = request.getfixturevalue(f"{kind}_server")
        board = {"driver": kind, "hosts": [server.host], "port": server.port}
        board["password"] = getattr(server, "password", None)
    return Backends(url, {**board, "namespace": f"faults-{uuid.uuid4().hex[:8]}"})


def _database(request: pytest.FixtureRequest, folder: Path, *, sqlite: bool) -> str:
    if sqlite:
        return f"sqlite:///{folder / 'engine.sqlite'}"
    server = request.getfixturevalue("mariadb")
    name = f"engine_{uuid.uuid4().hex[:8]}"
    server.execute(f"CREATE DATABASE {name}")
    return f"{server.root_url}/{name}"


@contextlib.contextmanager
def own_board(cloud: Cloud) -> Iterator[Board]:
    """A board of the test itself, connected."""
    board = open_board(board_settings(cloud.script("tester")))
    with contextlib.closing(board):
        board.connect()
        yield board


def wait_for_empty_board(cloud: Cloud) -> None:
    """Return when the board has no entry."""
    with own_board(cloud) as board:
        wait_until(
            lambda: not board.entries(),
            what="the board is empty",
            state=lambda: list(board.entries()),
        )
