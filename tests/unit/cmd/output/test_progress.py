# SPDX-License-Identifier: Apache-2.0
"""Waiting for a job: until its end, through outages, and for which conductor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.cmd.output import patience, progress
from amphv2_bootstrap.cmd.output.patience import Timeout
from amphv2_bootstrap.cmd.output.progress import Followed, follow
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.records import FlowState, Job, NewFlowRun
from amphv2_bootstrap.engine.storage.control.skipping import skip
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.heartbeats import Heartbeats
from amphv2_bootstrap.engine.storage.store import Store
from tests.clock import Clock
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path, ToyFlows(Ledger(), {"main": ["a"], "own": ["b"]}))
    yield cloud
    cloud.database.close()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Only the sleeps between two polls move the clock."""
    clock = Clock()
    for module in (progress, patience):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(progress, "_POLL_SECONDS", 1.0)
    return clock


class FlakyStore(Store):
    """A store that fails the first few times, as in an outage of its database."""

    def __init__(self, database: Database, times: int) -> None:
        super().__init__(database)
        self._times = times

    def flow_runs_of(self, job_uuid: str) -> list[Any]:
        self._times -= 1
        if self._times >= 0:
            raise DatabaseUnavailableError("read it", why="it is away")
        return super().flow_runs_of(job_uuid)


def _post(cloud: Cloud, *flow_runs: NewFlowRun) -> Job:
    return cloud.store.job(cloud.post(flow_runs or [NewFlowRun("main", 0)]))


def _settle(cloud: Cloud, job: Job, state: FlowState) -> None:
    flow_run = cloud.journal.take(cloud.store.flow_runs_of(job.uuid)[0].uuid)
    assert flow_run is not None
    cloud.journal.settle(flow_run, state, "a: do it: never")


def _follow(cloud: Cloud, job: Job, store: Store | None = None) -> Followed:
    return follow(store or cloud.store, job, Timeout(12.0))


@pytest.mark.parametrize(
    ("state", "code"),
    [(FlowState.DONE, 0), (FlowState.PARKED, 1), (FlowState.REVERTED, 1)],
    ids=str,
)
def test_ends_with_the_code_of_the_state(
    state: FlowState, code: int, cloud: Cloud
) -> None:
    """The exit code and the last report have the state of the job."""
    job = _post(cloud)
    _settle(cloud, job, state)
    done = _follow(cloud, job)
    assert done.code == code
    assert done.report is not None
    assert done.report["state"] == state.value


def test_a_parked_job_ends_with_the_command_to_resume_it(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line is the command, with the job's id."""
    job = _post(cloud)
    _settle(cloud, job, FlowState.PARKED)
    _follow(cloud, job)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith(f"amphv2-bootstrap job resume {job.uuid}")


def test_an_outage_is_survived_and_reported_once(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an outage the job is followed to its end."""
    job = _post(cloud)
    _settle(cloud, job, FlowState.DONE)
    assert _follow(cloud, job, FlakyStore(cloud.database, 5)).code == 0
    assert capsys.readouterr().err.count("it is away; trying again") == 1


def test_the_timeout_ends_it_in_an_outage_too(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 3 also if the database never answered."""
    done = _follow(cloud, _post(cloud), FlakyStore(cloud.database, 10_000))
    assert done == Followed(3, None)
    assert "Not done after 12 s" in capsys.readouterr().err


def _advice(cloud: Cloud, capsys: pytest.CaptureFixture[str], *hosts: str) -> list[str]:
    """The lines about conductors while two flows are ready and these are alive."""
    for number, host in enumerate(hosts):
        Heartbeats(cloud.database, f"{host}:1:m:{number}", 10.0).heartbeat(
            host, 1, "1.0"
        )
    job = _post(cloud, NewFlowRun("main", 0), NewFlowRun("own", 0, "ctl2"))
    assert _follow(cloud, job).code == 3
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if "amphv2-conductor" in line]


def test_without_conductors_it_says_what_to_start(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each flow that waits in vain has one line, with the host that it is bound to."""
    anywhere, own = _advice(cloud, capsys)
    assert "No conductor is alive" in anywhere
    assert "own is ctl2's own" in own


def test_a_conductor_elsewhere_cannot_run_a_hosts_own_flow(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the flow that is bound to the other host waits in vain."""
    (own,) = _advice(cloud, capsys, "ctl1")
    assert "own is ctl2's own" in own


def test_with_all_conductors_alive_nothing_is_said(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """No flow waits in vain."""
    assert _advice(cloud, capsys, "ctl1", "ctl2") == []


def test_a_host_that_waits_in_vain_for_its_turn_has_a_line(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is alive has none, while both wait."""
    Heartbeats(cloud.database, "ctl1:1:m:1", 10.0).heartbeat("ctl1", 1, "1.0")
    flows = [NewFlowRun("own", 0, host, "", 1) for host in ("ctl1", "ctl2")]
    assert _follow(cloud, _post(cloud, *flows)).code == 3
    lines = capsys.readouterr().err.splitlines()
    (own,) = [line for line in lines if "amphv2-conductor" in line]
    assert "own is ctl2's own" in own


def test_skipped_hosts_are_named_at_the_end(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job is done, with exit code 0."""
    job = _post(cloud, NewFlowRun("own", 0, "ctl2"))
    skip(cloud.journal, job.uuid, "ctl2")
    assert _follow(cloud, job).code == 0
    assert "Skipped: ctl2. Octavia stays as it is there" in capsys.readouterr().err


def test_what_waits_is_said_at_the_end(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """For whom, and why; flows that wait for the same are named together."""
    others = [NewFlowRun("own", 1, host=host) for host in ("ctl1", "ctl2")]
    job = _post(cloud, NewFlowRun("main", 0), *others)
    _settle(cloud, job, FlowState.PARKED)
    assert follow(cloud.store, job, Timeout()).code == 1
    said = "Waiting: own on ctl1, own on ctl2; for the flow main, which is parked\n"
    assert said in capsys.readouterr().err
