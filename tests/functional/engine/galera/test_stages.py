# SPDX-License-Identifier: Apache-2.0
"""What follows from the ends of two flows, written through two nodes at once."""

from collections.abc import Sequence

import pytest

from amphv2_bootstrap.engine.records import FlowRun, FlowState, NewFlowRun
from tests.functional.engine.galera.conftest import Behind
from tests.servers.galera import Galera
from tests.unit.engine.toys import Cloud

Sides = tuple[Cloud, Cloud]
PAIR = [NewFlowRun("first", 0, "one"), NewFlowRun("first", 0, "two")]


def _take_both(
    sides: Sides, galera: Galera, *more: NewFlowRun
) -> tuple[str, Sequence[FlowRun]]:
    uuid = sides[0].post([*PAIR, *more])
    galera.wait_until_in_step()
    taken = []
    for cloud, run in zip(sides, sides[0].store.flow_runs_of(uuid), strict=False):
        taken.append(cloud.journal.take(run.uuid))
        galera.wait_until_in_step()
    return uuid, [run for run in taken if run is not None]


def test_the_next_stage_is_released(
    sides: Sides, galera: Galera, behind: Behind[None]
) -> None:
    """Neither end sees the other one, yet one of them is the last of its stage."""
    uuid, runs = _take_both(sides, galera, NewFlowRun("second", 1))
    behind(
        lambda: sides[0].journal.settle(runs[0], FlowState.DONE),
        lambda: sides[1].journal.settle(runs[1], FlowState.DONE),
    )
    galera.wait_until_in_step()
    assert sides[0].states(uuid) == ["done", "done", "ready"]


@pytest.mark.parametrize("end", [FlowState.DONE, FlowState.REVERTED])
def test_the_job_is_closed(
    end: FlowState, sides: Sides, galera: Galera, behind: Behind[None]
) -> None:
    """The last of the ends closes it, so that the next one may be posted."""
    uuid, runs = _take_both(sides, galera)
    behind(
        lambda: sides[0].journal.settle(runs[0], FlowState.DONE),
        lambda: sides[1].journal.settle(runs[1], end),
    )
    galera.wait_until_in_step()
    assert sides[0].states(uuid) == ["done", end.value]
    assert sides[0].job_creation.unfinished() is None
    assert sides[0].store.job(uuid).finished_at is not None


def test_a_flow_that_ends_while_its_job_is_cancelled(
    sides: Sides, galera: Galera, behind: Behind[object]
) -> None:
    """The cancellation through the other node changes no flow that is done."""
    uuid, runs = _take_both(sides, galera, NewFlowRun("second", 1))
    behind(
        lambda: sides[0].journal.settle(runs[0], FlowState.DONE),
        lambda: sides[1].journal.cancel(uuid),
    )
    galera.wait_until_in_step()
    assert sides[0].states(uuid) == ["done", "cancelled", "cancelled"]
    assert sides[0].job_creation.unfinished() is None
