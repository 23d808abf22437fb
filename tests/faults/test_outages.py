# SPDX-License-Identifier: Apache-2.0
"""Outages of the database, the board, or both: conductors survive them without help."""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.engine.records import NewFlowRun
from tests.faults.cloud import (
    BOARDS,
    BoardChoice,
    Cloud,
    MakeCloud,
    Posted,
    explained,
    wait_for_empty_board,
)
from tests.faults.machine import Process
from tests.faults.network import SERVED, TARGETS, WAYS, Network, between, spend
from tests.faults.script import WAIT, ToyStep
from tests.servers.process import wait_until

REFUSALS = (1047, 1213, 1290, 1836)
SHORT_SECONDS = (1.0, 6.0)
LONG_SECONDS = (1.0, 6.0, 25.0, 45.0, 300.0)
SETTINGS = {"expiry": 5.0, "poll_interval": 1.0, "reconcile_interval": 3.0}
HOSTS = ("mid", "late", "idle")


@dataclass(frozen=True)
class Cost:
    """The seconds of CPU and the lines of log that a process has used so far."""

    cpu: float
    lines: int

    @classmethod
    def of(cls, process: Process) -> "Cost":
        return cls(process.cpu_seconds, len(process.log))


@contextlib.contextmanager
def frugal(processes: Sequence[Process]) -> Iterator[None]:
    """Meanwhile each process must use little CPU and log few lines.

    A loop that spins would use a whole core, and log thousands of lines. The constants
    leave room for the work before and after the fault.
    """
    began = time.monotonic()
    before = [Cost.of(process) for process in processes]
    yield
    lasted = time.monotonic() - began
    for process, start in zip(processes, before, strict=True):
        used = Cost.of(process)
        assert used.cpu - start.cpu < 1.0 + 0.1 * lasted, (process.script.host, lasted)
        logged = used.lines - start.lines
        assert logged < 30 + 4 * lasted, "\n".join(process.log[-50:])


@dataclass
class Scene:
    """Conductors at each place where an outage can happen.

    ``mid`` is in the middle of a step, ``late`` is about to consume its flow, ``idle``
    waits for the next stage, and ``young`` is started in the outage.
    """

    cloud: Cloud
    network: Network
    posted: Posted
    gate: Path
    before_consume: Path
    processes: list[Process]

    def start_young(self) -> None:
        self._start("young")

    def go_on(self) -> None:
        """Let the step end, and the flow be consumed."""
        self.gate.unlink()
        self.before_consume.unlink()

    def _start(self, host: str, **options: Any) -> Process:
        return self.cloud.start(
            host,
            backends=self.network.backends,
            expiry=SETTINGS["expiry"],
            settings=SETTINGS,
            **options,
        )

    @classmethod
    def set_up(cls, cloud: Cloud, network: Network) -> "Scene":
        gate, before_consume = cloud.touch("gate"), cloud.touch("gate")
        cloud.flows = {
            "mid": [ToyStep("m1", gate=str(gate)), ToyStep("m2")],
            "late": [ToyStep("l1")],
            "young": [ToyStep("y1")],
            "idle": [ToyStep("i1")],
        }
        stages = {"mid": 0, "late": 0, "young": 0, "idle": 1}
        posted = cloud.post(
            *(NewFlowRun(name, stage, name) for name, stage in stages.items())
        )
        scene = cls(cloud, network, posted, gate, before_consume, [])
        trace = cloud.touch("trace")
        faults = {"flow.remove.before#1": f"{WAIT} {before_consume}"}
        for host in HOSTS:
            late = {"faults": faults, "trace": str(trace)} if host == "late" else {}
            scene.processes.append(scene._start(host, **late))
        with explained(posted):
            posted.wait_for("begin m1")
            wait_until(
                lambda: "flow.remove.before#1" in trace.read_text(),
                what="a flow is about to be consumed",
            )
            wait_until(
                lambda: all(each.has_logged("serves") for each in scene.processes),
                what="all conductors serve",
            )
        return scene


def _cases(whole: bool, chance: random.Random) -> Iterator[tuple[str, str, float]]:
    if whole:
        yield from itertools.product(TARGETS, WAYS, LONG_SECONDS)
        return
    ways = chance.sample(WAYS, 2)
    targets = chance.sample(TARGETS, 2)
    yield from zip(targets, ways, SHORT_SECONDS, strict=True)


def test_servers_away(
    request: pytest.FixtureRequest,
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """Conductors survive an outage at their start, idle, in a step, and at consume."""
    for target, way, seconds in _cases(whole, chance):
        board = board_choice.one_of(SERVED)
        print(f"{board}: {target} away for {seconds:g} s by {way}")
        cloud = make_cloud(board)
        with between(request, board, cloud) as network:
            scene = Scene.set_up(cloud, network)
            with frugal(scene.processes):
                with network.away(target, way):
                    scene.start_young()
                    scene.go_on()
                    spend(seconds)
                # A restart ends the test's own connections, too.
                cloud.database.close()
            with explained(scene.posted):
                scene.posted.wait(timeout=120)
                assert set(scene.posted.states) == {"done"}
                wait_for_empty_board(cloud)
                scene.posted.check()
            _end(cloud)


def _end(cloud: Cloud) -> None:
    for process in cloud.processes:
        process.signal(signal.SIGTERM)
    for process in cloud.processes:
        process.wait_for_exit()
    cloud.stop()


def test_a_database_that_refuses(
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """A server that refuses statements costs no more than one that is away.

    1290 refuses writes only, so a conductor can claim a flow, but not take it.
    """
    codes = REFUSALS if whole else (1290, chance.choice(REFUSALS))
    for code in codes:
        for board in board_choice.all_or_one(BOARDS if whole else SERVED[1:]):
            print(f"{board}: {code}")
            cloud = make_cloud(board)
            _refuse_for(cloud, code, 25.0 if whole else 4.0)
            _end(cloud)


def _refuse_for(cloud: Cloud, code: int, seconds: float) -> None:
    refuse, gate, hold = cloud.file("code"), cloud.touch("gate"), cloud.touch("hold")
    cloud.flows = {
        "mid": [ToyStep("m1", gate=str(gate)), ToyStep("m2")],
        "new": [ToyStep("n1")],
    }
    posted = cloud.post(NewFlowRun("mid", 0, "one"), NewFlowRun("new", 0, "two"))
    options: dict[str, Any] = {"settings": SETTINGS, "refuse": str(refuse)}
    first = cloud.start("one", **options)
    second = cloud.start("two", hold=str(hold), **options)
    with explained(posted):
        posted.wait_for("begin m1")
        wait_until(lambda: second.log, what="the other one serves")
        with frugal([first, second]):
            refuse.write_text(str(code))
            hold.unlink()
            gate.unlink()
            spend(seconds)
            refuse.unlink()
        posted.wait()
        assert set(posted.states) == {"done"}
        posted.check()


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of 3 MB; only root may do so."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine doesn't let a file system be mounted")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(path: Path) -> None:
    """Fill the disk."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as ballast:
        while True:
            ballast.write(b"x" * 4096)


@pytest.mark.parametrize("board", ["sql", "redis"])
def test_a_full_disk_under_sqlite(
    board: str, make_cloud: MakeCloud, tmp_path: Path
) -> None:
    """A conductor survives a full disk without help, and finishes afterwards."""
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(_small_disk(tmp_path / "disk"))
        cloud = make_cloud(board)
        cloud.move_database(f"sqlite:///{disk / 'engine.sqlite'}")
        # Called in reverse order: nobody may use the disk when it is unmounted.
        stack.callback(cloud.database.close)
        stack.callback(cloud.stop)
        ballast = disk / "ballast"
        _run_while_full(cloud, lambda: _fill(ballast), ballast.unlink)


@pytest.mark.board("redis")
def test_sqlite_that_must_not_grow(make_cloud: MakeCloud) -> None:
    """A conductor survives SQLite's error that the disk is full; needs no root."""
    cloud = make_cloud("redis")
    cloud.move_database(f"sqlite:///{cloud.folder / 'small.sqlite'}")
    full = cloud.file("full")
    _run_while_full(cloud, full.touch, full.unlink, str(full))


def _run_while_full(
    cloud: Cloud, fill: Callable[[], None], free: Callable[[], None], full: str = ""
) -> None:
    gate = cloud.touch("gate")
    steps = [ToyStep(f"s{number}") for number in range(30)]
    cloud.flows = {"main": [ToyStep("a", gate=str(gate)), *steps]}
    process = cloud.start("one", settings=SETTINGS, full=full)
    posted = cloud.post()
    with explained(posted):
        posted.wait_for("begin a")
        with frugal([process]):
            fill()
            gate.unlink()
            wait_until(
                lambda: process.has_logged("full"),
                what="the conductor says that the disk is full",
            )
            spend(2.0)
        free()
        posted.wait()
        assert posted.states == ["done"]
        posted.check()
    _end(cloud)
