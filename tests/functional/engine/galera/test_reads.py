# SPDX-License-Identifier: Apache-2.0
"""A read that decides sees what was committed through the other node."""

from amphv2_bootstrap.engine.records import FlowRun, FlowState, NewFlowRun
from tests.functional.engine.galera.conftest import Behind
from tests.servers.galera import Galera
from tests.unit.engine.toys import Cloud

Sides = tuple[Cloud, Cloud]
ONE = [NewFlowRun("first", 0)]


def test_two_posts_find_each_other(sides: Sides, behind: Behind[str]) -> None:
    """The second one returns the first one's job, and writes nothing."""
    posted: list[str] = []
    found = behind(
        lambda: posted.append(sides[0].post(ONE)), lambda: sides[1].post(ONE)
    )
    assert [found] == posted
    assert len(sides[0].store.jobs()) == 1


def test_a_post_after_a_closed_job(
    sides: Sides, galera: Galera, behind: Behind[str]
) -> None:
    """It makes a new job, and does not return the closed one's id."""
    old = sides[0].post(ONE)
    galera.wait_until_in_step()
    new = behind(lambda: sides[0].journal.cancel(old), lambda: sides[1].post(ONE))
    assert new != old


def test_a_conductor_sees_that_a_flow_was_resumed(
    sides: Sides, galera: Galera, behind: Behind[FlowRun | None]
) -> None:
    """It takes the flow; with the old state it would take it off the board."""
    uuid = sides[0].post(ONE)
    taken = sides[0].journal.take(sides[0].store.flow_runs_of(uuid)[0].uuid)
    assert taken is not None
    sides[0].journal.settle(taken, FlowState.PARKED, "why")
    galera.wait_until_in_step()
    again = behind(
        lambda: sides[0].journal.resume(uuid), lambda: sides[1].journal.take(taken.uuid)
    )
    assert again is not None
    assert again.state is FlowState.RUNNING


def test_the_board_sees_every_live_flow(
    sides: Sides, behind: Behind[list[FlowRun]]
) -> None:
    """The reconciliation reads what was posted through the other node."""
    live = behind(lambda: sides[0].post(ONE), sides[1].store.live_flow_runs)
    assert [run.state for run in live] == [FlowState.READY]
