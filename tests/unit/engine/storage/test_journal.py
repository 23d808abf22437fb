# SPDX-License-Identifier: Apache-2.0
"""The journal's changes of a whole job, on a real database."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import FlowState, NewFlowRun, NewSecrets
from amphv2_bootstrap.engine.storage import schema
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]
NEW = NewSecrets(("b_password",), {"salt": "x", "b_password": "y"}, "s")


def test_resuming_with_other_secrets_fences_a_running_flow(
    make_cloud: MakeCloud,
) -> None:
    """A flow with the former secrets is ready again, and its writes are refused."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    flow_run = cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert flow_run is not None
    assert cloud.journal.resume(uuid, NEW) == []
    assert cloud.store.job(uuid).fingerprints == NEW.fingerprints
    assert cloud.states(uuid) == ["ready"]
    with pytest.raises(FencedError, match="other secrets"):
        cloud.journal.settle(flow_run, FlowState.DONE)
    events = [event for _, event in cloud.store.events(uuid)]
    assert [e.message for e in events if e.kind == "secrets-renewed"] == ["b_password"]


def test_a_very_long_note_fits_into_its_column(make_cloud: MakeCloud) -> None:
    """MariaDB refuses a text of more than 64 KB, whatever the reason is made of."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    cloud.journal.note(
        cloud.store.flow_runs_of(uuid)[0], "refused", "\U0001f600" * 70_000
    )
    (message,) = [e.message for _, e in cloud.store.events(uuid) if e.kind == "refused"]
    assert message is not None
    assert 1000 < len(message.encode()) < 2**16


def test_resuming_with_the_same_secrets_fences_nothing(make_cloud: MakeCloud) -> None:
    """A running flow goes on."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    flow_run = cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert flow_run is not None
    assert cloud.journal.resume(uuid) == []
    cloud.journal.settle(flow_run, FlowState.DONE)
    assert cloud.states(uuid) == ["done"]


def test_a_finished_job_keeps_its_secrets(make_cloud: MakeCloud) -> None:
    """A finished job's fingerprints are not replaced."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    cloud.journal.cancel(uuid)
    assert cloud.journal.resume(uuid, NEW) == []
    assert cloud.store.job(uuid).fingerprints == {}
    assert "secrets-renewed" not in [e.kind for _, e in cloud.store.events(uuid)]


def _rows(cloud: Cloud) -> dict[str, list[Any]]:
    with cloud.database.read() as connection:
        return {
            name: list(connection.execute(sa.select(table)))
            for name, table in schema.metadata.tables.items()
        }


@pytest.mark.parametrize("state", [FlowState.DONE, FlowState.CANCELLED])
def test_a_finished_job_stays_as_it_is(state: FlowState, make_cloud: MakeCloud) -> None:
    """Neither cancel nor resume changes a row, not even the time of its end."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    flow_run = cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    assert flow_run is not None
    cloud.journal.settle(flow_run, state)
    before = _rows(cloud)
    assert before["jobs"][0].finished_at is not None
    assert cloud.journal.cancel(uuid) == []
    assert cloud.journal.resume(uuid) == []
    assert cloud.journal.resume(uuid, NEW) == []
    assert _rows(cloud) == before
