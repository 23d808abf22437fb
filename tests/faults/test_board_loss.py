# SPDX-License-Identifier: Apache-2.0
"""The board loses its entries, or holds foreign ones: the database is the truth."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from amphv2_bootstrap.engine.records import NewFlowRun
from tests.contract import boards
from tests.faults.cloud import (
    BOARDS,
    BoardChoice,
    Cloud,
    MakeCloud,
    Posted,
    explained,
    own_board,
    wait_for_empty_board,
)
from tests.faults.network import compact, contents, spend, wipe
from tests.faults.script import ToyStep
from tests.faults.test_outages import frugal
from tests.servers.process import wait_until

BoardsOf = Callable[[str, Cloud], boards.Boards]

STORY = "begin a, end a, begin b, end b"


@pytest.fixture
def boards_of(request: pytest.FixtureRequest) -> Iterator[BoardsOf]:
    """Gives access to the backend of a cloud's board."""
    with contextlib.ExitStack() as stack:

        def make(kind: str, cloud: Cloud) -> boards.Boards:
            return stack.enter_context(
                contextlib.closing(contents(request, kind, cloud))
            )

        yield make


def test_emptied_while_ready(
    board_choice: BoardChoice, make_cloud: MakeCloud, boards_of: BoardsOf
) -> None:
    """A flow that the board lost before its claim is posted again."""
    for board in board_choice.all_or_one(BOARDS[:2], BOARDS[2:]):
        print(board)
        cloud = make_cloud(board)
        _lose_while_ready(cloud, boards_of(board, cloud))
        cloud.stop()


def _lose_while_ready(cloud: Cloud, found: boards.Boards) -> None:
    cloud.gate_step_a().unlink()
    hold = cloud.touch("hold")
    cloud.start("one", hold=str(hold))
    posted = cloud.post()
    with own_board(cloud) as board:
        wait_until(board.entries, what="the flow is listed", state=cloud.describe)
    wipe(found)
    hold.unlink()
    posted.wait()
    posted.check()
    assert ", ".join(posted.story) == STORY
    wait_for_empty_board(cloud)


@pytest.mark.parametrize("board", BOARDS)
def test_emptied_in_mid_step(
    board: str, make_cloud: MakeCloud, boards_of: BoardsOf
) -> None:
    """A holder that loses its claim with the board stops; the flow is still done."""
    cloud = make_cloud(board)
    gate = cloud.gate_step_a()
    for host in ("one", "two"):
        cloud.start(host, expiry=4.0)
    posted = cloud.post()
    with explained(posted):
        posted.wait_for("begin a")
        wipe(boards_of(board, cloud))
        wait_until(
            lambda: any(each.has_logged("lost the claim") for each in cloud.processes),
            what="the holder sees that its claim is gone",
        )
        gate.unlink()
        posted.wait()
        posted.check()
        assert posted.states == ["done"]
        wait_for_empty_board(cloud)


@pytest.mark.board("etcd")
def test_compacted_under_a_watch(make_cloud: MakeCloud, boards_of: BoardsOf) -> None:
    """After a compaction of etcd, old and new flows are done, without a warning."""
    cloud = make_cloud("etcd")
    cloud.gate_step_a().unlink()
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
def test_invalid_entries_on_the_board(
    board: str, make_cloud: MakeCloud, boards_of: BoardsOf
) -> None:
    """Invalid entries are left alone, and don't delay valid ones."""
    cloud = make_cloud(board)
    cloud.flows = {f"f{number}": [ToyStep("a")] for number in range(6)}
    found = boards_of(board, cloud)
    found.plant()
    planted = found.contents()
    process = cloud.start("one")
    posted = cloud.post(*(NewFlowRun(name, 0) for name in cloud.flows))
    with explained(posted):
        posted.wait()
        with frugal([process]):
            spend(2.0)
        left = found.contents()
        assert {name: left.get(name) for name in planted} == planted
        posted.check()
        assert set(posted.states) == {"done"}


def test_an_entry_of_another_engine(
    board_choice: BoardChoice, make_cloud: MakeCloud
) -> None:
    """An entry of another engine is left alone, and our flow is done."""
    for board in board_choice.all_or_one():
        cloud = make_cloud(board)
        cloud.gate_step_a().unlink()
        foreign = boards.new_entry(77)
        with own_board(cloud) as own:
            own.post_entry(foreign)
            process = cloud.start("one")
            posted = cloud.post()
            posted.wait()
            with frugal([process]):
                spend(2.0)
            process.terminate()
            listed = [(entry.uuid, entry.claimed) for entry in own.entries()]
        assert listed == [(foreign.uuid, False)]
        _check(posted)


def _check(posted: Posted) -> None:
    posted.check()
    assert ", ".join(posted.story) == STORY
