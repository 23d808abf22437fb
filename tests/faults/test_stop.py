# SPDX-License-Identifier: Apache-2.0
"""After SIGTERM or a crash, another conductor takes the flow before the claim expires.

Claims last ten minutes here, so a takeover within the test did not wait for an expiry.
"""

import signal
from pathlib import Path

import pytest

from tests.faults.cloud import BoardChoice, Cloud, MakeCloud, Posted
from tests.faults.conductor_process import STOP_REQUESTED
from tests.faults.invariants import takeovers
from tests.faults.machine import Process
from tests.faults.script import ToyStep
from tests.servers.process import wait_until

TIMEOUT = 60.0


def _start(
    cloud: Cloud, host: str, machine: int = 0, grace_period: float = 300.0
) -> Process:
    settings = {"grace_period": grace_period}
    return cloud.start(host, machine=machine, expiry=600.0, settings=settings)


def _start_in_step_a(cloud: Cloud) -> tuple[Process, Posted, Path]:
    """A conductor that waits in step a of its flow while the file exists."""
    gate = cloud.gate_step_a()
    process = _start(cloud, "one")
    posted = cloud.post()
    posted.wait_for("begin a")
    return process, posted, gate


def test_sigterm_suspends_at_the_end_of_the_step(
    board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """The step ends within the grace period; another host goes on with the next one."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        first, posted, gate = _start_in_step_a(cloud)
        _start(cloud, "two", machine=1)
        first.signal(signal.SIGTERM)
        gate.unlink()
        first.wait_for_exit()
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
    """The step is cancelled; another host begins it again."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        _interrupt(cloud, way, reverting)
        cloud.stop()


@pytest.mark.parametrize("way", ["a second SIGTERM", "the grace is over"])
def test_a_step_that_cannot_be_cancelled_is_abandoned(
    way: str, board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """The process ends without waiting for it, and another host repeats it."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        _interrupt(cloud, way, reverting=False, stubborn=True)
        cloud.stop()


def _interrupt(
    cloud: Cloud, way: str, reverting: bool, *, stubborn: bool = False
) -> None:
    gate = cloud.touch("gate")
    cloud.flows = {"main": _steps(str(gate), reverting, stubborn)}
    grace = 0.2 if way == "the grace is over" else 300.0
    first = _start(cloud, "one", grace_period=grace)
    posted = cloud.post(on_failure="revert")
    begin = "begin-undo a" if reverting else "begin a"
    posted.wait_for(begin)
    first.signal(signal.SIGTERM)
    if way == "a second SIGTERM":
        # Two signals at the same time would count as one.
        wait_until(
            lambda: first.has_logged(STOP_REQUESTED),
            what="it has handled the first",
            state=lambda: first.log[-20:],
        )
        first.signal(signal.SIGTERM)
    first.wait_for_exit()
    # An abandoned step can't write any more, so the flow stays running.
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
    """A conductor that is restarted on its host resumes its flow at once."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        first, posted, gate = _start_in_step_a(cloud)
        first.kill()
        gate.unlink()
        _start(cloud, "one")
        posted.wait(timeout=TIMEOUT)
        assert posted.story == ["begin a", "begin a", "end a", "begin b", "end b"]
        posted.check()
        cloud.stop()
