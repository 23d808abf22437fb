# SPDX-License-Identifier: Apache-2.0
"""This version finishes jobs that older versions left (promise P8).

``tests/data/jobs`` holds a database per version, dumped in the middle of a job.
A fixture is never changed; one is added where flows or tables change.
"""

import json
import sqlite3
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.execution.registry import RegisteredFlows, build, shape
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import Context
from tests import DATA
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows

FIXTURES = sorted((DATA / "jobs").glob("*.sql"))


@pytest.fixture(params=FIXTURES, ids=lambda path: path.stem)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Cloud:
    """The older version's database, opened by this one."""
    with sqlite3.connect(tmp_path / "engine.sqlite") as connection:
        connection.executescript(request.param.read_text())
    connection.close()
    cloud = Cloud(tmp_path, ToyFlows(Ledger(), {}), board="amphv2_bootstrap")
    (job,) = cloud.store.jobs()
    cloud.flows.steps = {
        flow_run.flow: cloud.store.atom_names(flow_run)
        for flow_run in cloud.store.flow_runs_of(job.uuid)
    }
    return cloud


def _uuid(cloud: Cloud) -> str:
    return cloud.store.jobs()[0].uuid


def test_only_the_open_steps_are_run(cloud: Cloud) -> None:
    """The interrupted step is run, then all that follow; completed ones are not."""
    flow_runs = cloud.store.flow_runs_of(_uuid(cloud))
    done = {
        step.name
        for flow_run in flow_runs
        for step in cloud.store.steps(flow_run, cloud.store.atom_names(flow_run))
        if step.state == "SUCCESS"
    }
    assert done, "the fixture is of a job under way"
    with cloud.running("ctl1"), cloud.running("ctl2"):
        cloud.wait_for(_uuid(cloud), "done")
    run = [entry.removeprefix("do ") for entry in cloud.ledger]
    first = cloud.store.atom_names(flow_runs[0])
    assert run[: len(first) - len(done)] == [name for name in first if name not in done]
    assert not done & set(run)


def test_this_version_knows_the_flows(cloud: Cloud) -> None:
    """Name, steps, order and major versions are still those of the post."""
    job = cloud.store.jobs()[0]
    spec = Spec.from_dict(json.loads(json.dumps(dict(job.spec))))
    host = HostSettings("ctl1", "/state", ("/octavia.conf",), spec.persistence, ("x",))
    context = Context(spec, host, Secrets({}))
    for flow_run in cloud.store.flow_runs_of(job.uuid):
        name, wanted = flow_run.flow, flow_run.shape
        assert shape(build(RegisteredFlows(), name, wanted, context)) == wanted, name
