# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP past the claim's expiry, then SIGCONT: who wakes up finds itself fenced."""

import random
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cloud import (
    BOARDS,
    BoardChoice,
    Cloud,
    Posted,
    explained,
    wait_for_empty_board,
)
from tests.faults.machine import Process, wait_until_over
from tests.faults.script import STOP, ToyStep
from tests.servers.process import wait_until

MakeCloud = Callable[[str], Cloud]

EXPIRY = 3.0
STEPS = [ToyStep("a"), ToyStep("b"), ToyStep("c")]
# Holding the job's row locked, as a host does that vanishes from the network.
IN_TRANSACTION = "in a transaction"
PLACES = (
    "in mid-step",
    "between steps",
    "just before a step",
    IN_TRANSACTION,
    "before consume",
    pytest.param("after a step's side effect", marks=pytest.mark.long),
    pytest.param("before the end is written", marks=pytest.mark.long),
)
_FENCED = re.compile(r": lost the claim|its epoch is \d+, ours was")


def boundary(cloud: Cloud, place: str) -> str:
    """The boundary of that place in an undisturbed run."""
    trace = cloud.trace()
    process = cloud.start("one", trace=str(trace))
    posted = cloud.post()
    posted.wait()
    process.signal(signal.SIGTERM)
    wait_until_over(process, "the conductor has ended")
    names = [name for name in trace.read_text().splitlines() if name[:4] == "job."]
    ended, begun = names.index("job.a.end.after#1"), names.index("job.b.begin.before#1")
    return {
        "in mid-step": "job.b.begin.after#1",
        "after a step's side effect": "job.b.end.after#1",
        # The database has accepted that step a is done ...
        "between steps": _committed(names[ended:begun])[0],
        # ... and that step b runs; then nothing is between us and its code.
        "just before a step": _committed(names[ended:begun])[-1],
        IN_TRANSACTION: _committed(names[ended:begun])[0].replace(
            "committed", "uncommitted"
        ),
        "before the end is written": _committed(names)[-2],
        "before consume": "job.remove.before#1",
    }[place]


def _committed(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.startswith("job.write.committed")]


@pytest.mark.parametrize("place", PLACES)
def test_woken_after_the_expiry(
    place: str,
    board_choice: BoardChoice,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """The other one finishes; the woken one starts and writes nothing, and says so."""
    # Who stops while it writes SQLite's file locks all others out until it is gone.
    boards = BOARDS[1:] if place == IN_TRANSACTION else BOARDS
    for board in board_choice.all_or_one(boards):
        print(board)
        cloud = make_cloud(board)
        cloud.flows = {"main": STEPS}
        _pause_and_wake(cloud, place, chance.randrange(2))


def _stopped_at(cloud: Cloud, where: str, other: int) -> tuple[Process, Posted]:
    """A conductor that has stopped there with the job; from now on another sees it.

    The other one, on machine ``other``, is there all the time.
    """
    hold = cloud.file("hold")
    hold.touch()
    options: dict[str, Any] = {
        "settings": {"expiry": EXPIRY},
        "board": {**cloud.backends.board, "expiry": EXPIRY},
    }
    cloud.start("two", machine=other, hold=str(hold), **options)
    posted = cloud.post()
    first = cloud.start("one", faults={where: STOP}, **options)
    with explained(posted):
        wait_until(lambda: first.state == "stopped", what=f"it stops at {where}")
    hold.unlink()
    return first, posted


def _pause_and_wake(cloud: Cloud, place: str, other: int) -> None:
    first, posted = _stopped_at(cloud, boundary(cloud, place), other)
    with explained(posted):
        posted.wait("the other one finishes")
        wait_for_empty_board(cloud)
        _wake(first, posted, place)
        posted.check()
        assert posted.states == ["done"]
    cloud.stop()


def _wake(first: Process, posted: Posted, place: str) -> None:
    effects = len(posted.effects)
    first.signal(signal.SIGCONT)
    if place != "before consume":  # then nothing is left to be fenced from
        wait_until(
            lambda: any(_FENCED.search(line) for line in first.log),
            what="the woken conductor says that it is fenced",
        )
    first.signal(signal.SIGTERM)
    wait_until_over(first, "the woken conductor has ended")
    assert first.state == "exit 0"
    begun = [effect.verb for effect in posted.effects[effects:]]
    # The step that it was stopped in may have ended; none was begun.
    assert begun in ([], ["end"]), begun


@pytest.mark.parametrize("where", ["loop.claim.after#1", "job.write.uncommitted#1"])
def test_woken_before_it_has_taken_the_job(
    where: str,
    board_choice: BoardChoice,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """Who slept between claim and take does not fence the one that has the job now."""
    for board in board_choice.all_or_one(BOARDS[1:]):
        print(board)
        cloud = make_cloud(board)
        gate = cloud.file("gate")
        gate.touch()
        cloud.flows = {"main": [ToyStep("a", gate=str(gate)), ToyStep("b")]}
        _wake_beside_holder(cloud, where, gate, chance.randrange(2))
        cloud.stop()


def _wake_beside_holder(cloud: Cloud, where: str, gate: Path, other: int) -> None:
    first, posted = _stopped_at(cloud, where, other)
    with explained(posted):
        wait_until(lambda: "begin a" in posted.story, what="the other one is at work")
        said = len(first.log)
        first.signal(signal.SIGCONT)
        wait_until(
            lambda: any(_FENCED.search(line) for line in first.log[said:]),
            what="the woken conductor says that it is fenced",
        )
        gate.unlink()
        posted.wait("the other one finishes")
        assert posted.story == ["begin a", "end a", "begin b", "end b"]
        posted.check()
