# SPDX-License-Identifier: Apache-2.0
"""A real conductor process with toy flows: ``python -m ... FILE``.

The file holds a :class:`Task` as JSON. The process prints ``ready``, then a line
``begin STEP SECONDS`` for each step, by the machine's monotonic clock.
"""

import functools
import json
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from amphv2_bootstrap.engine.conductor.conductor import Conductor
from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from amphv2_bootstrap.engine.conductor.workers import Parts
from amphv2_bootstrap.engine.execution.runner import Runner
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.spec.masking import Masker
from benchmarks.places import Place
from tests.unit.engine.toys import Action, AnyHost, Ledger, ToyFlows

FLOW = "probe"
STEPS = ("first", "second")


@dataclass(frozen=True)
class Task:
    """The process's work; its first step waits while the file ``gate`` exists."""

    place: Place
    host: str
    gate: Path

    def write(self, path: Path) -> None:
        """Write it to a file that only the owner can read."""
        path.touch(mode=0o600)
        path.write_text(json.dumps([self.place.to_json(), self.host, str(self.gate)]))

    @classmethod
    def read(cls, path: Path) -> "Task":
        """The task that :meth:`write` wrote."""
        place, host, gate = json.loads(path.read_text())
        return cls(Place.from_json(place), host, Path(gate))


def flows(gate: Path) -> ToyFlows:
    """The one flow; its steps print when they begin."""

    def begin(step: str) -> None:
        print(f"begin {step} {time.monotonic()}", flush=True)
        while step == STEPS[0] and gate.exists():
            time.sleep(0.01)

    actions: dict[str, Action] = {
        step: functools.partial(begin, step) for step in STEPS
    }
    return ToyFlows(Ledger(), {FLOW: STEPS}, actions=actions)


def conductor(place: Place, database: Database, host: str, toys: ToyFlows) -> Conductor:
    """A conductor with default settings, not yet running."""
    owner = ProcessIdentity.of_this_process(host)
    journal = Journal(database, str(owner))
    runner = Runner(database, journal, toys, AnyHost(), Masker(["s3cr3t"]))
    parts = Parts(place.open_board(database), Store(database), journal, runner)
    return Conductor(parts, owner, ConductorSettings())


def main() -> None:
    """Run until SIGTERM; on SIGUSR1 print ``statements N``, the number sent so far."""
    task = Task.read(Path(sys.argv[1]))
    database = Database(task.place.database_url)
    sent = 0

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def count(*_: object) -> None:
        nonlocal sent
        sent += 1

    process = conductor(task.place, database, task.host, flows(task.gate))

    def stop(*_: object) -> None:
        # In a thread: a handler must not wait for a lock that it interrupts.
        threading.Thread(target=process.stop, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, lambda *_: print(f"statements {sent}", flush=True))
    print("ready", flush=True)
    process.run()


if __name__ == "__main__":
    main()
