# SPDX-License-Identifier: Apache-2.0
"""Rows that nothing of ours has written stop only their own flow."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.errors import PermanentError
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


def _execute(cloud: Cloud, sql: str, **values: str) -> None:
    with cloud.database.write() as connection:
        assert connection.execute(sa.text(sql), values).rowcount


@pytest.mark.parametrize("text", ["nonsense", "[" * 100_000, '"' + "a" * 2**20 + '"'])
def test_progress_that_cannot_be_read(text: str, make_cloud: MakeCloud) -> None:
    """The flow is parked with the reason; commands say it, too."""
    cloud = make_cloud(main=["a", "b"])

    def fail() -> None:
        raise PermanentError("go on")

    cloud.flows.actions["b"] = fail
    uuid = cloud.post([NewFlowRun("main", 0)])
    with cloud.running():
        cloud.wait_for(uuid, "parked")
        _execute(cloud, "UPDATE atomdetails SET results = :text", text=text)
        cloud.journal.resume(uuid)
        cloud.wait_for(uuid, "parked")
    reason = str(cloud.store.flow_runs_of(uuid)[0].reason)
    assert "holds no JSON there" in reason
    assert cloud.ledger == ["do a", "do b"]
    with pytest.raises(DatabaseError, match="holds no JSON there"):
        describe(cloud.store, cloud.store.job(uuid))


def test_a_state_that_nobody_knows(make_cloud: MakeCloud) -> None:
    """A flow in an unknown state is left alone; the others are carried out."""
    cloud = make_cloud(main=["a"], other=["b"])
    uuid = cloud.post([NewFlowRun("main", 0), NewFlowRun("other", 0)])
    _execute(cloud, "UPDATE flow_runs SET state = 'evil' WHERE flow = 'main'")
    with cloud.running():
        cloud.wait_for(uuid, "done")
    assert cloud.ledger == ["do b"]
    assert describe(cloud.store, cloud.store.job(uuid))["state"] == "done"


def test_a_specification_that_cannot_be_read(make_cloud: MakeCloud) -> None:
    """It is read as empty: so the job's seal doesn't fit, and lists show the job."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    _execute(cloud, "UPDATE jobs SET spec = :text, fingerprints = '[]'", text="{" * 999)
    (job,) = cloud.store.jobs()
    assert (job.uuid, job.spec, job.fingerprints) == (uuid, {}, {})
