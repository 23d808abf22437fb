# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.board import Entry
from amphv2_bootstrap.engine.conductor import reconcile
from amphv2_bootstrap.engine.conductor.reconcile import Reconciler
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import TERMINAL, FlowRun, NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.jobboards.sql.board import SqlBoard
from tests.clock import Clock
from tests.unit.engine.toys import Cloud

_ANOTHERS = Entry("u", "toy", {}, claimed=True, handle=None)


def test_a_slow_comparison_is_followed_by_a_pause(
    make_cloud: Callable[..., Cloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the comparison takes, the next one waits its full interval."""
    clock, cloud = Clock(), make_cloud(toy=["a"])
    monkeypatch.setattr(reconcile, "time", clock)

    class SlowStore(Store):
        def live_flow_runs(self) -> list[FlowRun]:
            clock.advance(5.0)
            return super().live_flow_runs()

    board = SqlBoard(cloud.board, cloud.database)
    owner = ProcessIdentity.of_this_process("here")
    reconciler = Reconciler(board, SlowStore(cloud.database), owner, 60.0)
    assert reconciler.is_due([_ANOTHERS])
    reconciler.reconcile([_ANOTHERS])
    assert not reconciler.is_due([_ANOTHERS])
    clock.advance(1.0)
    assert reconciler.is_due([_ANOTHERS])
    assert not reconciler.is_due([])


_STAGES = [
    NewFlowRun("toy", 0, "one"),
    NewFlowRun("toy", 0, "two"),
    NewFlowRun("toy", 1),
]


@pytest.mark.parametrize(
    ("lost", "made_good"),
    [
        ("done done waiting", "done done ready"),
        ("done reverted waiting", "done reverted cancelled"),
        ("reverted running waiting", "reverted running cancelled"),
        ("done running waiting", "done running waiting"),
        ("done parked waiting", "done parked waiting"),
        ("done done parked", "done done parked"),
        ("done done done", "done done done"),
        ("cancelled cancelled cancelled", "cancelled cancelled cancelled"),
    ],
)
def test_what_follows_from_an_end_is_made_good(
    lost: str, made_good: str, make_cloud: Callable[..., Cloud]
) -> None:
    """Whatever prevented it: once, and only what has to follow."""
    cloud = make_cloud(toy=["a"])
    uuid = cloud.post(_STAGES)
    table = schema.flow_runs
    with cloud.database.write() as connection:
        for run, state in zip(
            cloud.store.flow_runs_of(uuid), lost.split(), strict=True
        ):
            change = table.update().where(table.c.uuid == run.uuid)
            connection.execute(change.values(state=state))
    board = SqlBoard(cloud.board, cloud.database)
    owner = ProcessIdentity.of_this_process("here")
    Reconciler(board, cloud.store, owner, 60.0).reconcile([])
    assert cloud.states(uuid) == made_good.split()
    is_finished = set(made_good.split()) <= {state.value for state in TERMINAL}
    assert (cloud.job_creation.unfinished() is None) == is_finished
    events = cloud.store.events(uuid)
    Reconciler(board, cloud.store, owner, 60.0).reconcile([])
    assert cloud.store.events(uuid) == events


def test_a_job_that_is_not_behind_is_not_written(
    make_cloud: Callable[..., Cloud],
) -> None:
    """On Galera, a write by each conductor would disturb those of the others."""
    cloud = make_cloud(toy=["a"])
    uuid = cloud.post(_STAGES)
    query = sa.select(schema.jobs.c.writes).where(schema.jobs.c.uuid == uuid)
    board = SqlBoard(cloud.board, cloud.database)
    owner = ProcessIdentity.of_this_process("here")
    Reconciler(board, cloud.store, owner, 60.0).reconcile([])
    with cloud.database.read() as connection:
        assert connection.execute(query).scalar_one() == 0
