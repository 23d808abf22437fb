# SPDX-License-Identifier: Apache-2.0
"""A real conductor process with toy flows, and the faults of a script.

:mod:`tests.faults.machine` starts it; by hand, give it a script on stdin::

    python -m tests.faults.conductor_process < script.json
"""

import dataclasses
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from taskflow import task
from taskflow.patterns import linear_flow

from amphv2_bootstrap.engine.conductor.conductor import Conductor
from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from amphv2_bootstrap.engine.conductor.workers import Parts
from amphv2_bootstrap.engine.errors import UnknownFlowError
from amphv2_bootstrap.engine.execution.outcome import End
from amphv2_bootstrap.engine.execution.runner import Runner
from amphv2_bootstrap.engine.lease import Lease
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import FlowRun, Job
from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.spec.secret import Secret
from tests.contract.boards import open_board
from tests.faults.ledger import BEGIN, BEGIN_UNDO, END, END_UNDO, Ledger
from tests.faults.script import Script, ToyStep
from tests.faults.seams import FaultyBoard, FaultyDatabase, Seams
from tests.unit.engine.toys import AnyHost

LOG = logging.getLogger(__name__)

STOP_REQUESTED = "the conductor was asked to stop"
SETTINGS = ConductorSettings(
    concurrency=4,
    poll_interval=0.2,
    reconcile_interval=0.5,
    grace_period=20.0,
    expiry=60.0,
    refusal_pause=1.0,
)


class Diary:
    """The ledger, for the flow of the present context."""

    def __init__(self, ledger: Ledger, owner: str) -> None:
        self._ledger = ledger
        self._owner = owner
        self._run: ContextVar[FlowRun] = ContextVar("run")

    def open(self, flow_run: FlowRun) -> None:
        self._run.set(flow_run)

    def write(self, verb: str, step: str) -> None:
        run = self._run.get()
        self._ledger.write(verb, run.uuid, step, run.epoch, self._owner)


class DiaryRunner(Runner):
    """The engine's runner; it records the flow and epoch that a thread works on."""

    diary: Diary

    def run(
        self, flow_run: FlowRun, job: Job, lease: Lease, stopping: threading.Event
    ) -> End:
        self.diary.open(flow_run)
        return super().run(flow_run, job, lease, stopping)


class Toy(task.Task):
    """A step with two lines in the ledger as its side effect."""

    def __init__(
        self, script: ToyStep, diary: Diary, seams: Seams, cancelled: threading.Event
    ) -> None:
        super().__init__(name=script.name)
        self._script = script
        self._diary = diary
        self._seams = seams
        self._cancelled = cancelled

    def execute(self) -> dict[str, Any]:
        self._effect(BEGIN, END, self._script.gate)
        if self._script.fails:
            raise PermanentError("do it", why="the script says so")
        return {"effect": "changed", "summary": f"{self.name} done"}

    def revert(self, result: Any, **_: Any) -> None:
        if isinstance(result, dict):
            self._effect(BEGIN_UNDO, END_UNDO, self._script.undo_gate)

    def _effect(self, begin: str, end: str, gate: str) -> None:
        self._seams.reach(f"{self.name}.{begin}.before")
        self._diary.write(begin, self.name)
        self._seams.reach(f"{self.name}.{begin}.after")
        until = time.monotonic() + self._script.lasts
        self._wait_while(lambda: time.monotonic() < until)
        if gate:
            self._wait_while(Path(gate).exists)
        if self._script.renewed:
            self._wait_while(lambda: not self._seams.renewed.is_set())
        self._diary.write(end, self.name)
        self._seams.reach(f"{self.name}.{end}.after")

    def _wait_while(self, condition: Callable[[], bool]) -> None:
        while condition():
            if self._script.stubborn:
                time.sleep(0.02)
            elif self._cancelled.wait(0.02):
                raise CancelledError(
                    f"go on with {self.name}", why="it was asked to stop"
                )


@dataclasses.dataclass(frozen=True)
class ToyFlows:
    """The flows of a script."""

    script: Script
    diary: Diary
    seams: Seams

    def factory(self, name: str) -> Callable[[Any], linear_flow.Flow]:
        if name not in self.script.flows:
            raise UnknownFlowError("find the flow", on=name)

        def build(context: Any) -> linear_flow.Flow:
            flow = linear_flow.Flow(name)
            for step in self.script.flows[name]:
                flow.add(Toy(step, self.diary, self.seams, context["cancelled"]))
            return flow

        return build


def board_settings(script: Script) -> BoardSettings:
    """The settings of the script's jobboard."""
    options = dict(script.board)
    for name in ("hosts", "password"):
        if options.get(name) is not None:
            options[name] = (Secret if name == "password" else tuple)(options[name])
    return BoardSettings(**options)


def make_conductor(script: Script, seams: Seams) -> Conductor:
    """The conductor of a script, not connected yet."""
    database = FaultyDatabase(script.database, seams, script.refuse, script.full)
    owner = ProcessIdentity.of_this_process(script.host)
    diary = Diary(Ledger(Path(script.ledger)), str(owner))
    journal = Journal(database, str(owner))
    runner = DiaryRunner(
        database, journal, ToyFlows(script, diary, seams), AnyHost(), Masker()
    )
    runner.diary = diary
    board = FaultyBoard(open_board(board_settings(script)), seams, script.hold)
    settings = dataclasses.replace(SETTINGS, **script.settings)
    return Conductor(Parts(board, Store(database), journal, runner), owner, settings)


def run(script: Script) -> None:
    """Run a conductor until SIGTERM; on the second one, don't wait for steps."""
    _set_up_logging(Path(script.log))
    if script.clock_offset:
        _set_clock(script.clock_offset)
    stopping = threading.Event()
    seams = Seams(script.faults, script.trace)
    conductor = make_conductor(script, seams)

    def stop(*_: object) -> None:
        action = conductor.stop_now if stopping.is_set() else conductor.stop
        stopping.set()
        threading.Thread(target=_stop, args=(action, seams), daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    _wait_for_database(script, stopping)
    if not stopping.is_set():
        LOG.info("the conductor serves %s", script.host)
        conductor.run()
    LOG.info("the conductor has stopped")


def _stop(action: Callable[[], None], seams: Seams) -> None:
    LOG.info(STOP_REQUESTED)
    action()
    seams.stop_requested.set()


def _wait_for_database(script: Script, stopping: threading.Event) -> None:
    """Retry, as the daemon does, until the database answers."""
    database = Database(script.database)
    while not stopping.is_set():
        try:
            migrate.check(database)
        except TransientError as exc:
            LOG.warning("%s; trying again", exc)
            stopping.wait(1.0)
        else:
            break
    database.close()


def _set_up_logging(path: Path) -> None:
    logging.basicConfig(
        filename=path,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s",
        force=True,
    )
    # As the daemon does.
    for name in ("taskflow", "oslo_utils.excutils", "kazoo", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _set_clock(offset: float) -> None:
    """Shift the wall clock, but not CLOCK_MONOTONIC."""
    wall, wall_ns = time.time, time.time_ns
    time.time = lambda: wall() + offset
    time.time_ns = lambda: wall_ns() + int(offset * 1e9)


if __name__ == "__main__":
    run(Script.from_json(sys.stdin.read()))
