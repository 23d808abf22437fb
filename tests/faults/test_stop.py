# SPDX-License-Identifier: Apache-2.0
"""SIGTERM gives the job to another conductor; a crash frees it where it is seen.

Claims last ten minutes here: who takes over in time did not wait for an expiry.
"""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.cloud import BoardChoice, Cloud, Posted, explained
from tests.faults.conductor_process import TOLD_TO_STOP
from tests.faults.invariants import takeovers
from tests.faults.machine import Process, wait_until_over
from tests.faults.script import ToyStep
from tests.servers.process import wait_until

MakeCloud = Callable[[str], Cloud]

LONG_CLAIM: dict[str, Any] = {"expiry": 600.0, "grace_period": 300.0}
TIMEOUT = 60.0


def _start(cloud: Cloud, host: str, machine: int = 0, **settings: float) -> Process:
    return cloud.start(
        host,
        machine=machine,
        settings={**LONG_CLAIM, **settings},
        board={**cloud.backends.board, "expiry": 60.0},
    )


def _end(process: Process) -> None:
    wait_until_over(process, "the conductor has ended")
    assert process.state == "exit 0", process.log[-20:]


def _is_told(process: Process) -> bool:
    return any(TOLD_TO_STOP in line for line in process.log)


def _wait_for(posted: Posted, line: str, count: int = 1) -> None:
    with explained(posted):
        wait_until(lambda: posted.story.count(line) >= count, what=f"{line} {count}")


def test_sigterm_suspends_at_the_end_of_the_step(
    board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """The step ends within the grace; another host goes on, long before the expiry."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        gate = cloud.file("gate")
        gate.touch()
        cloud.flows = {"main": [ToyStep("a", gate=str(gate)), ToyStep("b")]}
        first = _start(cloud, "one")
        posted = cloud.post()
        _wait_for(posted, "begin a")
        _start(cloud, "two", machine=1)
        first.signal(signal.SIGTERM)
        gate.unlink()
        _end(first)
        posted.wait(timeout=TIMEOUT)
        assert posted.story == ["begin a", "end a", "begin b", "end b"]
        assert takeovers(posted.history) == 0
        assert len({effect.owner for effect in posted.effects}) == 2
        posted.check()
        cloud.stop()


@pytest.mark.parametrize("way", ["a second SIGTERM", "the grace is over"])
@pytest.mark.parametrize("reverting", [False, True], ids=["forward", "in revert"])
def test_an_interrupted_step_is_given_back(
    way: str,
    reverting: bool,
    board_choice: BoardChoice,
    make_cloud: MakeCloud,
) -> None:
    """The step is told to stop; another host begins it again, before the expiry."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        _interrupt(cloud, way, reverting)
        cloud.stop()


@pytest.mark.parametrize("way", ["a second SIGTERM", "the grace is over"])
def test_a_step_that_does_not_hear_is_left_behind(
    way: str, board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """The process ends without it, and has given its job back to another host."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        _interrupt(cloud, way, reverting=False, stubborn=True)
        cloud.stop()


def _interrupt(
    cloud: Cloud, way: str, reverting: bool, *, stubborn: bool = False
) -> None:
    gate = cloud.file("gate")
    gate.touch()
    cloud.flows = {"main": _steps(str(gate), reverting, stubborn)}
    grace = 0.2 if way == "the grace is over" else 300.0
    first = _start(cloud, "one", grace_period=grace)
    posted = cloud.post(on_failure="revert")
    begin = "begin-undo a" if reverting else "begin a"
    _wait_for(posted, begin)
    first.signal(signal.SIGTERM)
    if way == "a second SIGTERM":
        # Two signals at once are one.
        wait_until(
            lambda: _is_told(first),
            what="it has heard of the first",
            state=lambda: first.log[-20:],
        )
        first.signal(signal.SIGTERM)
    _end(first)
    # Who was left behind could write no more: the job is as it was.
    assert posted.states == ["running" if stubborn else "ready"]
    gate.unlink()
    _start(cloud, "two", machine=1)
    posted.wait(timeout=TIMEOUT)
    assert posted.states == ["reverted" if reverting else "done"]
    assert posted.story.count(begin) == 2
    posted.check()


def _steps(gate: str, reverting: bool, stubborn: bool) -> list[ToyStep]:
    if reverting:
        return [ToyStep("a", undo_gate=gate), ToyStep("b", fails=True)]
    return [ToyStep("a", gate=gate, stubborn=stubborn), ToyStep("b")]


def test_a_crashed_process_is_seen_by_its_successor(
    board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """Restarted on its host, a conductor takes its job up again before the expiry."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        gate = cloud.file("gate")
        gate.touch()
        cloud.flows = {"main": [ToyStep("a", gate=str(gate)), ToyStep("b")]}
        first = _start(cloud, "one")
        posted = cloud.post()
        _wait_for(posted, "begin a")
        first.kill()
        gate.unlink()
        _start(cloud, "one")
        posted.wait(timeout=TIMEOUT)
        assert posted.story == ["begin a", "begin a", "end a", "begin b", "end b"]
        posted.check()
        cloud.stop()
