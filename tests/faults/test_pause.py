# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP for longer than the claim's expiry, then SIGCONT: the conductor is fenced."""

import random
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

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
from tests.faults.script import STOP, ToyStep
from tests.servers.process import wait_until

EXPIRY = 3.0
STEPS = [ToyStep("a"), ToyStep("b"), ToyStep("c")]
# It holds a lock on the flow's row, like a host that vanishes from the network.
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
_FENCED = r": lost the claim|its epoch is \d+, ours was"


def boundary(cloud: Cloud, place: str) -> str:
    """The name of the boundary at ``place``, from a run without faults."""
    trace = cloud.touch("trace")
    process = cloud.start("one", trace=str(trace))
    cloud.post().wait()
    process.terminate()
    lines = trace.read_text().splitlines()
    names = [name for name in lines if name.startswith("flow.")]
    ended, begun = (
        names.index("flow.a.end.after#1"),
        names.index("flow.b.begin.before#1"),
    )
    return {
        "in mid-step": "flow.b.begin.after#1",
        "after a step's side effect": "flow.b.end.after#1",
        # The database has accepted that step a is done ...
        "between steps": _committed(names[ended:begun])[0],
        # ... and that step b runs; its code is next.
        "just before a step": _committed(names[ended:begun])[-1],
        IN_TRANSACTION: _committed(names[ended:begun])[0].replace(
            "committed", "uncommitted"
        ),
        "before the end is written": _committed(names)[-2],
        "before consume": "flow.remove.before#1",
    }[place]


def _committed(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.startswith("flow.write.committed")]


@pytest.mark.parametrize("place", PLACES)
def test_woken_after_the_expiry(
    place: str,
    board_choice: BoardChoice,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """The other conductor finishes; the woken one begins and writes nothing."""
    # A conductor that is stopped in a transaction keeps SQLite's file locked.
    boards = BOARDS[1:] if place == IN_TRANSACTION else BOARDS
    for board in board_choice.all_or_one(boards):
        print(board)
        cloud = make_cloud(board)
        cloud.flows = {"main": STEPS}
        _pause_and_wake(cloud, place, chance.randrange(2))


def _stopped_at(cloud: Cloud, where: str, other: int) -> tuple[Process, Posted]:
    """Stop a conductor at ``where``, while it has the flow.

    A second one, on machine ``other``, sees the flow on the board only afterwards.
    """
    hold = cloud.touch("hold")
    cloud.start("two", machine=other, hold=str(hold), expiry=EXPIRY)
    posted = cloud.post()
    first = cloud.start("one", faults={where: STOP}, expiry=EXPIRY)
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
            lambda: first.has_logged(_FENCED),
            what="the woken conductor says that it is fenced",
        )
    first.terminate()
    begun = [effect.verb for effect in posted.effects[effects:]]
    # The step in which it was stopped may have ended; it has begun no step.
    assert begun in ([], ["end"]), begun


@pytest.mark.parametrize("where", ["loop.claim.after#1", "flow.write.uncommitted#1"])
def test_woken_before_it_has_taken_the_flow(
    where: str,
    board_choice: BoardChoice,
    make_cloud: MakeCloud,
    chance: random.Random,
) -> None:
    """A conductor stopped between claim and take does not fence the new holder."""
    for board in board_choice.all_or_one(BOARDS[1:]):
        print(board)
        cloud = make_cloud(board)
        _wake_beside_holder(cloud, where, cloud.gate_step_a(), chance.randrange(2))
        cloud.stop()


def _wake_beside_holder(cloud: Cloud, where: str, gate: Path, other: int) -> None:
    first, posted = _stopped_at(cloud, where, other)
    with explained(posted):
        posted.wait_for("begin a")
        logged = len(first.log)
        first.signal(signal.SIGCONT)
        wait_until(
            lambda: first.has_logged(_FENCED, since=logged),
            what="the woken conductor says that it is fenced",
        )
        gate.unlink()
        posted.wait("the other one finishes")
        assert posted.story == ["begin a", "end a", "begin b", "end b"]
        posted.check()
