# SPDX-License-Identifier: Apache-2.0
"""The picture of a job, from what its conductors have written."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from amphv2_bootstrap.engine.records import FlowState, NewFlowRun
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.web.attention import notes
from amphv2_bootstrap.web.axis import Axis
from amphv2_bootstrap.web.lanes import WHOLE_CLOUD, draw
from amphv2_bootstrap.web.overview import read
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


def _begin(cloud: Cloud, uuid: str, owner: str, step: str) -> None:
    """A conductor takes the job's first flow, and begins a step of it."""
    journal = Journal(cloud.database, owner)
    run = journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert run is not None
    with cloud.database.write() as connection:
        journal.record_flow_event(connection, run, "task", "RUNNING", step)


def test_a_take_over_shows_two_colours_in_one_lane(make_cloud: MakeCloud) -> None:
    """The step that was cut off and the one that is run again differ in colour."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    _begin(cloud, uuid, "one:1:x:1", "a")
    _begin(cloud, uuid, "two:2:y:2", "a")
    picture = draw(read(cloud.store, None))
    (lane,) = picture.lanes
    assert lane.name == WHOLE_CLOUD
    assert [bar.conductor for bar in lane.bars] == ["one", "two"]
    assert [bar.state for bar in lane.bars] == ["cut off", "lost"]
    assert lane.bars[0].colour != lane.bars[1].colour
    assert lane.bars[0].x + lane.bars[0].width <= lane.bars[1].x
    assert [(mark.before, mark.after) for mark in lane.marks] == [("one", "two")]


def test_a_lane_for_each_host(make_cloud: MakeCloud) -> None:
    """The whole cloud comes first, then each host with its flows."""
    cloud = make_cloud(main=["a"], own=["b"])
    cloud.post(
        [NewFlowRun("own", 1, "z"), NewFlowRun("main", 0), NewFlowRun("own", 1, "b")]
    )
    names = [lane.name for lane in draw(read(cloud.store, None)).lanes]
    assert names == [WHOLE_CLOUD, "b", "z"]


def test_failures_come_first(make_cloud: MakeCloud) -> None:
    """What is parked is named with its reason and the command that goes on."""
    cloud = make_cloud(main=["a"], own=["b"])
    uuid = cloud.post([NewFlowRun("main", 0), NewFlowRun("own", 1, "z")])
    run = cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert run is not None
    cloud.journal.settle(run, FlowState.PARKED, "no such table")
    overview = read(cloud.store, uuid[:8])
    found = notes(overview)
    assert [note.kind for note in found] == ["failed", "waits"]
    assert found[0].text == "no such table"
    assert found[0].command == f"amphv2-bootstrap job resume {uuid}"


def test_nothing_to_draw(make_cloud: MakeCloud) -> None:
    """Without a job there is no lane."""
    assert not draw(read(make_cloud().store, None)).lanes


def test_an_idle_night_is_cut_short() -> None:
    """Two minutes of work around a night keep most of the width."""
    night = 8 * 3600.0
    axis = Axis([(0.0, 60.0), (60.0 + night, 120.0 + night)], 0.0, 120.0 + night)
    assert (axis.at(0.0), axis.at(120.0 + night)) == (0.0, 100.0)
    assert axis.at(60.0) > 40
    assert axis.at(60.0 + night) < 60
    assert [one.seconds for one in axis.breaks] == [night]


def test_the_axis_never_goes_back() -> None:
    """Later is further right, or in the same place; what is outside is at the edge."""
    axis = Axis([(10.0, 11.0), (100.0, 130.0), (5000.0, 5001.0)], 0.0, 6000.0)
    places = [axis.at(float(moment)) for moment in range(-10, 6010, 5)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 100.0)
    ticks = [tick.at for tick in axis.ticks()]
    assert ticks == sorted(ticks)


@pytest.mark.parametrize("seconds", [1.0, 7.0, 34.0, 35.5, 61.0, 3600.0, 90000.0])
def test_the_times_on_the_axis_leave_each_other_room(seconds: float) -> None:
    """A text has 8.5 % of a wide page, one that a phone shows 21 %."""
    ticks = Axis([(3.0, 3.0 + seconds)], 3.0, 3.0 + seconds).ticks()
    for width, shown in (
        (8.5, ticks),
        (21.0, [tick for tick in ticks if not tick.is_minor]),
    ):
        ends = [*(tick.at for tick in shown), 100.0]
        assert all(b - a >= width for a, b in pairwise(ends))
        assert shown or seconds == 1.0


@pytest.mark.parametrize("shift", range(0, 60, 4))
def test_the_times_leave_room_for_how_long_a_gap_is(shift: int) -> None:
    """The length of a gap is written across it, and is wider than the gap is drawn."""
    begin, night = 3.0 + shift, 8 * 3600.0
    later = begin + 80.0 + night
    axis = Axis([(begin, begin + 80.0), (later, later + 90.0)], begin, later + 90.0)
    [gap] = axis.breaks
    for tick in axis.ticks():
        width, more = (8.5, 3.8) if tick.is_minor else (21.0, 9.4)
        assert tick.at + width + more <= gap.begin or gap.end + more <= tick.at
