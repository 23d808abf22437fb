# SPDX-License-Identifier: Apache-2.0
"""Conductor processes that the benchmarks start, watch and kill."""

import os
import signal
import sys
import uuid
from pathlib import Path

from amphv2_bootstrap.engine.board import entry_of
from amphv2_bootstrap.engine.records import NewFlowRun
from benchmarks.conductor_program import FLOW, Task, flows
from benchmarks.places import Place
from tests.servers.process import Server, new_machine, wait_until
from tests.unit.engine.toys import Cloud

REPO = Path(__file__).resolve().parent.parent
_MODULE = "benchmarks.conductor_program"


class ConductorProcess(Server):
    """A process of :mod:`benchmarks.conductor_program`.

    :param apart: as if on another machine: in its own pid namespace, so that no other
        conductor can see whether the process is alive.
    """

    def __init__(
        self, place: Place, folder: Path, host: str, *, apart: bool = False
    ) -> None:
        unique = uuid.uuid4().hex[:8]
        self.host = host
        self.gate = folder / f"gate-{unique}"
        task = folder / f"task-{unique}.json"
        Task(place, host, self.gate).write(task)
        argv = [
            *(new_machine() if apart else ()),
            sys.executable,
            "-m",
            _MODULE,
            str(task),
        ]
        log = folder / f"{host}-{unique}.log"
        super().__init__(argv, log=log, ready=self._is_ready, cwd=REPO)

    def begun(self, step: str) -> list[float]:
        """The times at which the step began, by the monotonic clock."""
        lines = [line.split() for line in self._lines()]
        return [float(line[2]) for line in lines if line[:2] == ["begin", step]]

    def cpu_seconds(self) -> float:
        """User and system time until now; see proc(5)."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def statements(self) -> int:
        """The number of SQL statements that it has sent until now."""
        before = len(self._counts())
        self.signal(signal.SIGUSR1)
        wait_until(lambda: len(self._counts()) > before, what="it has counted")
        return self._counts()[-1]

    def _counts(self) -> list[int]:
        lines = [line.split() for line in self._lines()]
        return [int(line[1]) for line in lines if line[0] == "statements"]

    def _lines(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line]

    def _is_ready(self) -> bool:
        return "ready" in self._lines()


class Post:
    """Posts toy jobs as the real poster does: to the database, then to the board."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.cloud = Cloud(folder, flows(folder / "none"), place.database_url)
        self._board = place.open_board(self.cloud.database)
        self._board.connect()

    def post(self) -> str:
        """Post one job with one flow for any host; the job's id."""
        posted = self.cloud.post([NewFlowRun(FLOW, 1)])
        for flow_run in self.cloud.store.flow_runs_of(posted):
            self._board.post_entry(entry_of(flow_run))
        return posted

    def is_done(self, posted: str) -> bool:
        """Whether the job has ended."""
        return self.cloud.store.job(posted).finished_at is not None

    def is_served(self, count: int = 1) -> bool:
        """Whether that many conductors run."""
        return len(self.cloud.store.conductors()) >= count

    def close(self) -> None:
        """Close the connections; the conductors go on."""
        self._board.close()
        self.cloud.database.close()
