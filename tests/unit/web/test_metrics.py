# SPDX-License-Identifier: Apache-2.0
"""The metrics, and who names them."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from amphv2_bootstrap.checks import last_success
from amphv2_bootstrap.engine.description.state import ready_since
from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.measures import BOUNDS, MEASURES, Event, Measures
from amphv2_bootstrap.engine.records import Event as Happened
from amphv2_bootstrap.engine.records import NewFlowRun
from tests import REPOSITORY
from tests.unit.engine.counting import counted
from tests.unit.engine.toys import Cloud
from tests.unit.web.exposed import exposed, full

MakeCloud = Callable[..., Cloud]
NAMES = re.compile(r"\bamphv2_(?!bootstrap|conductor_is)[a-z_]+\b")
READERS = (
    "doc/source/metrics.rst",
    "etc/prometheus/amphv2-bootstrap.rules.yaml",
    "etc/grafana/amphv2-bootstrap.json",
)


def _parts(named: set[str]) -> set[str]:
    """Those of them that are a histogram's."""
    ends = ("_sum", "_count", "_bucket")
    return {name for name in named if name.endswith(ends)}


def test_flows_by_state_and_the_oldest_ready_one(make_cloud: MakeCloud) -> None:
    """A posted flow is ready, and its age counts."""
    cloud = make_cloud(main=["a"], own=["b"])
    cloud.post([NewFlowRun("main", 0), NewFlowRun("own", 1, "z")])
    text = exposed(cloud)
    assert 'amphv2_flows{state="ready"} 1.0' in text
    assert 'amphv2_flows{state="waiting"} 1.0' in text
    assert 'amphv2_flows{state="parked"} 0.0' in text
    assert re.search(r"^amphv2_oldest_ready_flow_age_seconds [0-9.e-]+$", text, re.M)


def test_a_conductor_counts_what_it_does(make_cloud: MakeCloud) -> None:
    """Steps and flows are counted by their ends, steps timed by their names."""
    cloud = make_cloud(main=["measured"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    with counted() as events, cloud.running():
        cloud.wait_for(uuid, "done")
    assert events[Event.STEP_ENDED, "done"] == 1
    assert events[Event.FLOW_RUN_ENDED, "done"] == 1
    assert sum(MEASURES.steps()["measured"][0]) == 1


def test_a_fenced_write_is_counted(make_cloud: MakeCloud) -> None:
    """Each write under an old epoch raises the counter."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    run = cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert run is not None
    cloud.journal.take(run.uuid)
    with counted() as events, pytest.raises(FencedError):
        cloud.journal.start_reverting(run, "why")
    assert events == {(Event.WRITE_FENCED, ""): 1}


def test_durations_are_a_histogram(make_cloud: MakeCloud) -> None:
    """Each bucket has all that took at most as long, the last one all."""
    measures = Measures()
    for seconds in (BOUNDS[0], 0.3, 1e6):
        measures.time_step("a", seconds)
    text = exposed(make_cloud(), measures)
    name = "amphv2_step_duration_seconds"
    assert f'{name}_bucket{{le="0.1",step="a"}} 1.0' in text
    assert f'{name}_bucket{{le="0.5",step="a"}} 2.0' in text
    assert f'{name}_bucket{{le="+Inf",step="a"}} 3.0' in text
    assert f'{name}_count{{step="a"}} 3.0' in text


def test_a_released_flow_is_ready_since_its_release(make_cloud: MakeCloud) -> None:
    """The time before its release is no wait for a conductor."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0, "z")])
    (run,) = cloud.store.flow_runs_of(uuid)
    released = Happened(run.created_at + 9, "released", "me", message="main/y, main/z")
    other = Happened(run.created_at + 20, "released", "me", message="main/y")
    assert ready_since(run, [released, other]) == released.at
    assert ready_since(run, []) == run.created_at


def test_the_last_success_of_verify(make_cloud: MakeCloud, tmp_path: Path) -> None:
    """Its time is there from the first success on, and no time before."""
    name, cloud = "amphv2_last_successful_verify_timestamp_seconds", make_cloud()
    assert name not in exposed(cloud, state_path=str(tmp_path))
    last_success.note(str(tmp_path))
    (marker,) = tmp_path.glob("last-*")
    os.utime(marker, (1, 1))
    assert f"{name} 1.0\n" in exposed(cloud, state_path=str(tmp_path))
    last_success.note(str(tmp_path))
    assert f"{name} 1.0\n" not in exposed(cloud, state_path=str(tmp_path))


@pytest.mark.parametrize("path", READERS)
def test_every_named_metric_exists(
    path: str, make_cloud: MakeCloud, tmp_path: Path
) -> None:
    """The page, the alerts and the dashboard name no metric that is not there."""
    text = full(make_cloud(), tmp_path)
    named = set(NAMES.findall((REPOSITORY / path).read_text()))
    assert named
    missing = {name for name in named if f"# TYPE {name} " not in text} - _parts(named)
    assert not missing


def test_every_metric_is_documented(make_cloud: MakeCloud, tmp_path: Path) -> None:
    """The page names each metric."""
    page = (REPOSITORY / READERS[0]).read_text()
    text = full(make_cloud(), tmp_path)
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M):
        assert f"``{name}``" in page, (name, kind)
