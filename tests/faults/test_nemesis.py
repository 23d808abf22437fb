# SPDX-License-Identifier: Apache-2.0
"""Rounds of random faults; after each, all flows end and every invariant holds.

``AMPHV2_FAULTS_ROUNDS`` is the number of rounds, ``AMPHV2_FAULTS_SEED`` their seed.
"""

import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.engine.records import NewFlowRun
from tests.contract.boards import Boards
from tests.faults import invariants
from tests.faults.cloud import (
    BoardChoice,
    Cloud,
    MakeCloud,
    Posted,
    explained,
    explanation,
    wait_for_empty_board,
)
from tests.faults.invariants import breaches
from tests.faults.machine import Process
from tests.faults.network import TARGETS, Network, between, contents, spend, wipe
from tests.faults.script import LOSE, ToyStep

EXPIRY = 3.0
SETTINGS = {
    "poll_interval": 0.5,
    "reconcile_interval": 1.0,
    "grace_period": 2.0,
}
HOSTS = ("one", "two", "three")
SHORT_ROUNDS, LONG_ROUNDS = 5, 200


@dataclass
class Round:
    """The cloud of one round, and its faults."""

    cloud: Cloud
    kind: str
    backends: Any
    network: Network | None
    board: Boards
    chance: random.Random
    counts: Counter[str]
    refuse: Path
    running: dict[str, Process] = field(default_factory=dict)
    paused: int = 0

    def start(self, host: str) -> None:
        faults = {}
        if self.chance.random() < 0.4:
            number = self.chance.randrange(1, 12)
            faults[f"flow.write.uncommitted#{number}"] = LOSE
            self.counts["an answer to lose"] += 1
        offset = self.chance.choice((0.0, 0.0, 3600.0, -3600.0))
        self.counts["a clock an hour off"] += bool(offset)
        self.running[host] = self.cloud.start(
            host,
            machine=self.chance.randrange(2),
            backends=self.backends,
            expiry=EXPIRY,
            settings=SETTINGS,
            faults=faults,
            refuse=str(self.refuse),
            clock_offset=offset,
        )

    def strike(self) -> None:
        """Cause one fault, and end it."""
        faults = [self.crash, self.pause, self.terminate, self.lose_board, self.refused]
        faults += [self.nothing] if self.network is None else [self.cut_off] * 3
        fault = self.chance.choice(faults)
        self.counts[fault.__name__] += 1
        print(f"  {fault.__name__}")
        fault()

    def nothing(self) -> None:
        """Cause no fault: SQLite in a file can't be cut off."""

    def crash(self) -> None:
        host = self.chance.choice(sorted(self.running))
        self.running.pop(host).kill()
        spend(self.chance.uniform(0, 1))
        self.start(host)

    def pause(self) -> None:
        process = self._any()
        process.signal(signal.SIGSTOP)
        self.paused += 1
        spend(self.chance.uniform(0.5, 2 * EXPIRY))
        process.signal(signal.SIGCONT)

    def terminate(self) -> None:
        host = self.chance.choice(sorted(self.running))
        self.running.pop(host).terminate()
        self.start(host)

    def lose_board(self) -> None:
        wipe(self.board)

    def refused(self) -> None:
        self.refuse.write_text(str(self.chance.choice((1047, 1213, 1290, 1836))))
        spend(self.chance.uniform(0.2, 3))
        self.refuse.unlink()

    def cut_off(self) -> None:
        assert self.network is not None
        target = self.chance.choice(TARGETS)
        way = self.chance.choice(("cut", "swallow", "cut", "restart"))
        self.counts[f"{target}: {way}"] += 1
        with self.network.away(target, way):
            spend(self.chance.uniform(0.2, 1.5 * EXPIRY))
        # A restart ends the test's own connections, too.
        self.cloud.database.close()

    def _any(self) -> Process:
        return self.running[self.chance.choice(sorted(self.running))]


def _flow_runs(cloud: Cloud, chance: random.Random) -> Posted:
    """Post a few flows in up to three stages, with steps of different length."""
    flows: dict[str, Sequence[ToyStep]] = {}
    flow_runs: list[NewFlowRun] = []
    for stage in range(chance.randrange(1, 4)):
        for number in range(chance.randrange(1, 3)):
            name = f"flow{stage}{number}"
            flows[name] = [
                ToyStep(f"s{at}", lasts=chance.uniform(0, 0.8))
                for at in range(chance.randrange(2, 5))
            ]
            flow_runs.append(NewFlowRun(name, stage))
    revert = chance.random() < 0.3
    if revert:
        name = flow_runs[-1].flow
        flows[name] = [*flows[name], ToyStep("fail", fails=True)]
    cloud.flows = flows
    return cloud.post(*flow_runs, on_failure="revert" if revert else "park")


def _check(posted: Posted, paused: int) -> None:
    """Check all invariants, with one exception for each pause.

    Nothing can detect a SIGSTOP between the last check of the claim and the first
    instruction of a step: after SIGCONT, this one step begins.
    """
    found = breaches(posted.history, without=[invariants.begun_when_fenced])
    late = list(invariants.begun_when_fenced(posted.history))
    if len(late) > paused:
        found += late
    if found:
        pytest.fail("\n".join([*found, explanation(posted)]))


def play(
    request: pytest.FixtureRequest,
    cloud: Cloud,
    kind: str,
    chance: random.Random,
    counts: Counter[str],
) -> None:
    """Play one round: start, cause faults, wait for the end, check."""
    with contextlib.ExitStack() as stack:
        network = None
        if kind != "sql":
            network = stack.enter_context(between(request, kind, cloud))
        board = stack.enter_context(contextlib.closing(contents(request, kind, cloud)))
        backends = cloud.backends if network is None else network.backends
        refuse = cloud.file("refuse")
        round_ = Round(cloud, kind, backends, network, board, chance, counts, refuse)
        stack.callback(cloud.stop)
        posted = _flow_runs(cloud, chance)
        for host in HOSTS[: chance.randrange(2, 4)]:
            round_.start(host)
        with explained(posted):
            for _ in range(chance.randrange(2, 5)):
                spend(chance.uniform(0, 1))
                round_.strike()
            posted.wait(timeout=150)
            wait_for_empty_board(cloud)
            _check(posted, round_.paused)
            # The only step that fails for good belongs to a job that is reverted.
            assert "parked" not in posted.states


def test_random_faults(
    request: pytest.FixtureRequest,
    board_choice: BoardChoice,
    whole: bool,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """After random faults nothing is lost, and nothing is done twice."""
    default = LONG_ROUNDS if whole else SHORT_ROUNDS
    rounds = int(os.environ.get("AMPHV2_FAULTS_ROUNDS", default))
    counts: Counter[str] = Counter()
    for number in range(rounds):
        kind = board_choice.one_of()
        print(f"round {number + 1} of {rounds}: {kind}", flush=True)
        counts[f"rounds on {kind}"] += 1
        play(request, make_cloud(kind), kind, chance, counts)
    for name, count in sorted(counts.items()):
        print(f"{count:5} {name}")
