# SPDX-License-Identifier: Apache-2.0
"""A small cloud for the engine's tests: toy flows, a ledger, real SQLite."""

import contextlib
import dataclasses
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from taskflow import task
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.board import Board
from amphv2_bootstrap.engine.conductor.conductor import Conductor
from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from amphv2_bootstrap.engine.conductor.workers import Parts
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError, UnknownFlowError
from amphv2_bootstrap.engine.execution.registry import atoms, shape
from amphv2_bootstrap.engine.execution.runner import Runner
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import FlowRun, Job, NewFlowRun
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.job_creation import JobCreation, NewJob
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.jobboards.sql.board import SqlBoard
from amphv2_bootstrap.spec.masking import Masker
from tests.servers.process import wait_until

SETTINGS = ConductorSettings(
    concurrency=2,
    poll_interval=0.05,
    reconcile_interval=0.2,
    grace_period=5.0,
    expiry=60.0,  # however slow the machine is
    refusal_pause=0.2,
)


@dataclass
class Ledger:
    """What the toys did, independent of the engine's records."""

    entries: list[str] = field(default_factory=list)

    def write(self, entry: str) -> None:
        self.entries.append(entry)


Action = Callable[[], Any]


class Toy(task.Task):
    """A step that writes to the ledger, then calls the test's action."""

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        action: Action | None = None,
        undo: Action | None = None,
        time_limit: float | None = None,
    ) -> None:
        super().__init__(name=name)
        self.time_limit = time_limit
        self.ledger = ledger
        self.action = action
        self.undo = undo

    def execute(self) -> dict[str, Any]:
        self.ledger.write(f"do {self.name}")
        result = self.action() if self.action else None
        return {"effect": "changed", "summary": result or f"{self.name} done"}

    def revert(self, result: Any, **_: Any) -> None:
        if isinstance(result, dict):
            self.ledger.write(f"undo {self.name}")
            if self.undo:
                self.undo()


@dataclass
class ToyFlows:
    """Flows by name; ``steps`` maps a flow's name to its steps' names."""

    ledger: Ledger
    steps: Mapping[str, Sequence[str]]
    actions: dict[str, Action] = field(default_factory=dict)
    undos: dict[str, Action] = field(default_factory=dict)
    time_limits: dict[str, float] = field(default_factory=dict)

    def factory(self, name: str) -> Callable[[Any], linear_flow.Flow]:
        if name not in self.steps:
            raise UnknownFlowError("find the flow", on=name)

        def build(_context: Any) -> linear_flow.Flow:
            flow = linear_flow.Flow(name)
            for step in self.steps[name]:
                tools = self.actions.get(step), self.undos.get(step)
                limit = self.time_limits.get(step)
                flow.add(Toy(step, self.ledger, *tools, limit))
            return flow

        return build


class AnyHost:
    """Contexts that accept every job, and keep what they made last."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def accept(self, job: Job, flow_runs: Sequence[FlowRun]) -> Key:
        """Accept every job."""
        return Key(b"toys")

    def make(
        self,
        job: Job,
        cancelled: threading.Event,
        release: Callable[[str], tuple[str, ...]],
    ) -> Any:
        self.made = {"cancelled": cancelled, "release": release}
        return self.made


class Cloud:
    """One engine's database, and as many conductors as the test starts."""

    def __init__(
        self, path: Path, flows: ToyFlows, url: str | None = None, board: str = "test"
    ) -> None:
        self.board = board
        self.url = url or f"sqlite:///{path / 'engine.sqlite'}"
        self.flows = flows
        self.contexts = AnyHost()
        self.database = Database(self.url)
        migrate.upgrade(self.database)
        self.store = Store(self.database)
        self.journal = Journal(self.database, "tester:1:none:0")
        self.job_creation = JobCreation(self.database, self.journal)

    @property
    def ledger(self) -> list[str]:
        return self.flows.ledger.entries

    def post(
        self,
        flow_runs: Sequence[NewFlowRun],
        on_failure: str = "park",
        kind: str | None = None,
    ) -> str:
        """Post a job with these flows, into the database only."""
        flows = {
            flow_run.flow: self.flows.factory(flow_run.flow)(None)
            for flow_run in flow_runs
        }
        return self.job_creation.create(
            NewJob(
                uuid=str(uuid.uuid4()),
                spec={},
                spec_digest="",
                fingerprints={},
                on_failure=on_failure,
                posted_by="tester",
                flow_runs=[
                    dataclasses.replace(flow_run, shape=shape(flows[flow_run.flow]))
                    for flow_run in flow_runs
                ],
                atoms={
                    name: [atom.name for atom in atoms(flow)]
                    for name, flow in flows.items()
                },
                kind=kind,
            )
        )

    def conductor(
        self,
        host: str = "one",
        settings: ConductorSettings = SETTINGS,
        board: Board | None = None,
    ) -> Conductor:
        owner = ProcessIdentity.of_this_process(host)
        journal = Journal(self.database, str(owner))
        board = board or SqlBoard(self.board, self.database)
        runner = Runner(
            self.database,
            journal,
            self.flows,
            self.contexts,
            Masker(["s3cr3t"]),
            settings.steps,
        )
        return Conductor(Parts(board, self.store, journal, runner), owner, settings)

    @contextlib.contextmanager
    def running(
        self,
        host: str = "one",
        settings: ConductorSettings = SETTINGS,
        board: Board | None = None,
    ) -> Iterator[Conductor]:
        """A conductor at work in a thread, stopped at the end."""
        conductor = self.conductor(host, settings, board)
        thread = threading.Thread(target=conductor.run)
        thread.start()
        try:
            yield conductor
        finally:
            conductor.stop()
            thread.join(30)
            assert not thread.is_alive(), "the conductor did not stop"

    def states(self, uuid: str) -> list[str]:
        return [flow_run.state.value for flow_run in self.store.flow_runs_of(uuid)]

    def wait_for(self, uuid: str, *states: str) -> None:
        """Return when the flows have these states, in order, or all the only one."""

        def reached() -> bool:
            found = self.states(uuid)
            wanted = list(states) if len(states) > 1 else [*states] * len(found)
            return found == wanted

        what = f"the flows are {', '.join(states)}"
        wait_until(reached, what=what, state=lambda: self._story(uuid))

    def _story(self, uuid: str) -> str:
        """All that is known of a job."""
        runs = self.store.flow_runs_of(uuid)
        events = [event for _, event in self.store.events(uuid)]
        return "\n".join(map(str, (*runs, *events, *self.ledger)))


def lose_answers(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose the answer to every second commit in a flow's thread."""
    write, made = cloud.database.write, Counter[int]()

    @contextlib.contextmanager
    def committed() -> Iterator[sa.Connection]:
        with write() as connection:
            yield connection
        thread = threading.current_thread()
        if thread.name.startswith("flow_"):
            made[id(thread)] += 1
            if made[id(thread)] % 2 == 0:
                raise DatabaseUnavailableError("commit", why="the answer was lost")

    monkeypatch.setattr(cloud.database, "write", committed)
