# SPDX-License-Identifier: Apache-2.0
"""A read-only job is carried out like another, but counted and listed nowhere."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.board import entry_of
from amphv2_bootstrap.engine.conductor.reconcile import Reconciler
from amphv2_bootstrap.engine.description.state import state_of
from amphv2_bootstrap.engine.measures import MEASURES, Event
from amphv2_bootstrap.engine.process_identity import ProcessIdentity
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.control.withdrawing import withdraw
from amphv2_bootstrap.engine.storage.retention import READ_ONLY_SECONDS
from amphv2_bootstrap.errors import NotFoundError
from amphv2_bootstrap.jobboards.sql.board import SqlBoard
from tests.unit.engine.toys import Cloud

_RUNS = [NewFlowRun("main", 0)]
MakeCloud = Callable[..., Cloud]


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> Cloud:
    return make_cloud(main=["a"])


def test_it_runs_beside_an_unfinished_job(cloud: Cloud) -> None:
    """Neither meets the other, in whichever order they are posted."""
    read_only, job = cloud.post(_RUNS, kind="plan"), cloud.post(_RUNS)
    other = cloud.post(_RUNS, kind="plan")
    assert len({read_only, job, other}) == 3
    assert cloud.store.unfinished() == job
    assert cloud.post(_RUNS) == job
    with cloud.running():
        for uuid in (read_only, job, other):
            cloud.wait_for(uuid, "done")
    assert cloud.store.job(read_only).finished_at is not None


def test_it_is_listed_and_counted_nowhere(cloud: Cloud) -> None:
    """Only who names its id finds it."""
    before = _ended()
    read_only = cloud.post(_RUNS, kind="plan")
    assert not state_of(cloud.store).flows
    assert state_of(cloud.store).oldest_ready == 0
    with cloud.running():
        cloud.wait_for(read_only, "done")
    assert cloud.store.jobs() == []
    with pytest.raises(NotFoundError):
        cloud.store.resolve(None)
    assert cloud.store.resolve(read_only[:8]).uuid == read_only
    assert not state_of(cloud.store).flows
    assert _ended() == before


def _ended() -> dict[tuple[Event, str], float]:
    ends = (Event.STEP_ENDED, Event.FLOW_RUN_ENDED)
    return {key: n for key, n in MEASURES.counts().items() if key[0] in ends}


def test_what_is_withdrawn_leaves_nothing_on_the_board(cloud: Cloud) -> None:
    """Not even the entry of a host that is away; other jobs' entries stay."""
    board = SqlBoard(cloud.board, cloud.database)
    read_only, job = cloud.post(_RUNS, kind="plan"), cloud.post(_RUNS)
    for run in cloud.store.live_flow_runs():
        board.post_entry(entry_of(run))
    for _ in range(2):  # safe to repeat
        withdraw(cloud.journal, board, read_only)
    (left,) = board.entries()
    assert left.details["job"] == job
    assert cloud.states(read_only) == ["cancelled"]
    assert cloud.states(job) == ["ready"]


def test_a_forgotten_one_is_ended_and_an_old_one_deleted(cloud: Cloud) -> None:
    """The command was killed, or has ended an hour ago; no other job goes."""
    job, read_only = cloud.post(_RUNS), cloud.post(_RUNS, kind="plan")
    _age(cloud)
    young = cloud.post(_RUNS, kind="plan")
    _reconcile(cloud)
    assert cloud.states(read_only) == ["cancelled"]
    assert cloud.states(young) == cloud.states(job) == ["ready"]
    _age(cloud)
    _reconcile(cloud)
    assert _jobs(cloud) == {job, young}


def _reconcile(cloud: Cloud) -> None:
    """As a conductor does when it starts."""
    board = SqlBoard(cloud.board, cloud.database)
    owner = ProcessIdentity.of_this_process("here")
    Reconciler(board, cloud.store, owner, 60.0).reconcile([])


def _age(cloud: Cloud) -> None:
    table, past = schema.jobs, 2 * READ_ONLY_SECONDS
    times = {name: table.c[name] - past for name in ("created_at", "finished_at")}
    with cloud.database.write() as connection:
        connection.execute(table.update().values(**times))


def _jobs(cloud: Cloud) -> set[str]:
    with cloud.database.read() as connection:
        return set(connection.execute(sa.select(schema.jobs.c.uuid)).scalars())
