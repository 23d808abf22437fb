# SPDX-License-Identifier: Apache-2.0
"""Jobs that older versions left are finished by this one (promise P8).

``tests/data/jobs`` holds a database per version, dumped in the middle of a job.
A fixture is never changed; one is added where flows or tables change.
"""

import json
import sqlite3
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.execution.registry import RegisteredFlows, shape
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import Context
from tests import DATA
from tests.servers.process import wait_until
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows

FIXTURES = sorted((DATA / "jobs").glob("*.sql"))


@pytest.fixture(params=FIXTURES, ids=lambda path: path.stem)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Cloud:
    """The older version's database, opened by this one."""
    with sqlite3.connect(tmp_path / "engine.sqlite") as connection:
        connection.executescript(request.param.read_text())
    connection.close()
    cloud = Cloud(tmp_path, ToyFlows(Ledger(), {}), board="amphv2_bootstrap")
    (bootstrap,) = cloud.store.bootstraps()
    cloud.flows.steps = {
        job.flow: cloud.store.atom_names(job)
        for job in cloud.store.jobs_of(bootstrap.uuid)
    }
    return cloud


def _uuid(cloud: Cloud) -> str:
    return cloud.store.bootstraps()[0].uuid


def test_only_the_open_steps_are_run(cloud: Cloud) -> None:
    """Completed steps stay so, the interrupted one is run, then all that follows."""
    jobs = cloud.store.jobs_of(_uuid(cloud))
    done = {
        step.name
        for job in jobs
        for step in cloud.store.steps(job, cloud.store.atom_names(job))
        if step.state == "SUCCESS"
    }
    assert done, "the fixture is of a job under way"
    with cloud.running("ctl1"), cloud.running("ctl2"):
        wait_until(
            lambda: set(cloud.states(_uuid(cloud))) == {"done"}, what="it is finished"
        )
    run = [entry.removeprefix("do ") for entry in cloud.ledger]
    first = cloud.store.atom_names(jobs[0])
    assert run[: len(first) - len(done)] == [name for name in first if name not in done]
    assert not done & set(run)


def test_this_version_knows_the_flows(cloud: Cloud) -> None:
    """Name, steps, order and major versions are as they were posted."""
    bootstrap = cloud.store.bootstraps()[0]
    spec = Spec.from_dict(json.loads(json.dumps(dict(bootstrap.spec))))
    host = HostSettings("ctl1", "/state", "/octavia.conf", spec.persistence, ("x",))
    context = Context(spec, host, Secrets({}))
    for job in cloud.store.jobs_of(bootstrap.uuid):
        flow = RegisteredFlows().factory(job.flow)(context)
        assert shape(flow) == job.shape, job.flow
