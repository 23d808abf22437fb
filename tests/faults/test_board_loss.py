# SPDX-License-Identifier: Apache-2.0
"""The board loses what it knew, or holds what isn't ours: the database is the truth."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.engine.records import NewFlowRun
from tests.contract import boards
from tests.faults.cloud import (
    BOARDS,
    BoardChoice,
    Cloud,
    Posted,
    explained,
    own_board,
    wait_for_empty_board,
)
from tests.faults.machine import wait_until_over
from tests.faults.network import compact, contents, spend, wipe
from tests.faults.script import ToyStep
from tests.faults.test_outages import frugal
from tests.servers.process import wait_until

MakeCloud = Callable[[str], Cloud]
BoardsOf = Callable[[str, Cloud], boards.Boards]

FLOW = "begin a, end a, begin b, end b"


@pytest.fixture
def boards_of(request: pytest.FixtureRequest) -> Iterator[BoardsOf]:
    """Looks behind the scenes of a cloud's board."""
    with contextlib.ExitStack() as stack:

        def make(kind: str, cloud: Cloud) -> boards.Boards:
            return stack.enter_context(
                contextlib.closing(contents(request, kind, cloud))
            )

        yield make


def _flows(cloud: Cloud) -> Path:
    gate = cloud.file("gate")
    gate.touch()
    cloud.flows = {"main": [ToyStep("a", gate=str(gate)), ToyStep("b")]}
    return gate


def _wait_until_listed(cloud: Cloud, count: int = 1) -> None:
    with own_board(cloud) as board:
        wait_until(
            lambda: len(board.entries()) >= count,
            what=f"{count} jobs are listed",
            state=cloud.describe,
        )


def test_emptied_while_ready(
    board_choice: BoardChoice, make_cloud: MakeCloud, boards_of: BoardsOf
) -> None:
    """A job that the board has lost before anybody claimed it is posted again."""
    for board in board_choice.all_or_one(BOARDS[:2], BOARDS[2:]):
        print(board)
        cloud = make_cloud(board)
        _lose_while_ready(cloud, boards_of(board, cloud))
        cloud.stop()


def _lose_while_ready(cloud: Cloud, found: boards.Boards) -> None:
    _flows(cloud).unlink()
    hold = cloud.file("hold")
    hold.touch()
    cloud.start("one", hold=str(hold))
    posted = cloud.post()
    _wait_until_listed(cloud)
    wipe(found)
    hold.unlink()
    posted.wait()
    posted.check()
    assert ", ".join(posted.story) == FLOW
    wait_for_empty_board(cloud)


@pytest.mark.parametrize("board", BOARDS)
def test_emptied_in_mid_step(
    board: str, make_cloud: MakeCloud, boards_of: BoardsOf
) -> None:
    """The holder loses its claim with the board; the job is done, by either."""
    cloud = make_cloud(board)
    gate = _flows(cloud)
    options: dict[str, Any] = {"settings": {"expiry": 4.0}}
    options["board"] = {**cloud.backends.board, "expiry": 4.0}
    for host in ("one", "two"):
        cloud.start(host, **options)
    posted = cloud.post()
    with explained(posted):
        wait_until(lambda: "begin a" in posted.story, what="a step runs")
        wipe(boards_of(board, cloud))
        wait_until(
            lambda: any("lost the claim" in line for line in _all_logs(cloud)),
            what="the holder sees that its claim is gone",
        )
        gate.unlink()
        posted.wait()
        posted.check()
        assert posted.states == ["done"]
        wait_for_empty_board(cloud)


def _all_logs(cloud: Cloud) -> list[str]:
    return [line for process in cloud.processes for line in process.log]


@pytest.mark.board("etcd")
def test_compacted_under_a_watch(make_cloud: MakeCloud, boards_of: BoardsOf) -> None:
    """etcd forgets its history: what was posted is there, and the next is heard of."""
    cloud = make_cloud("etcd")
    _flows(cloud).unlink()
    found = boards_of("etcd", cloud)
    process = cloud.start("one")
    cloud.post().wait()
    compact(found)
    posted = cloud.post()
    posted.wait()
    compact(found)
    posted.check()
    wait_for_empty_board(cloud)
    assert not [line for line in process.log if "WARNING" in line], process.log


@pytest.mark.parametrize("board", BOARDS)
def test_poison_on_the_board(
    board: str, make_cloud: MakeCloud, boards_of: BoardsOf
) -> None:
    """What isn't a job of ours stays where it is, and holds nobody up.

    On ZooKeeper and etcd it has the places of the first jobs: these wait
    until the operator has cleared them, and the others don't.
    """
    cloud = make_cloud(board)
    cloud.flows = {f"f{number}": [ToyStep("a")] for number in range(6)}
    found = boards_of(board, cloud)
    found.plant()
    planted = found.contents()
    process = cloud.start("one")
    posted = cloud.post(*(NewFlowRun(name, 0) for name in cloud.flows))
    taken = {"zookeeper": 3, "etcd": 4}.get(board, 0)
    with explained(posted):
        wait_until(
            lambda: posted.states.count("done") == 6 - taken,
            what="all jobs but those whose place is taken are done",
        )
        with frugal([process]):
            spend(2.0)
        left = found.contents()
        assert {name: left.get(name) for name in planted} == planted
        wipe(found)
        posted.wait()
        posted.check()
        assert set(posted.states) == {"done"}


def test_posting_of_somebody_else(
    board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """A job of another engine is left alone, and ours is done."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        _flows(cloud).unlink()
        foreign = boards.new_entry(77)
        with own_board(cloud) as own:
            own.post_entry(foreign)
            process = cloud.start("one")
            posted = cloud.post()
            posted.wait()
            with frugal([process]):
                spend(2.0)
            process.signal(signal.SIGTERM)
            wait_until_over(process, "the conductor has ended")
            assert process.state == "exit 0"
            listed = [(entry.uuid, entry.claimed) for entry in own.entries()]
        assert listed == [(foreign.uuid, False)]
        _check(posted)


def _check(posted: Posted) -> None:
    posted.check()
    assert ", ".join(posted.story) == FLOW
