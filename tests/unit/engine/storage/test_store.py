# SPDX-License-Identifier: Apache-2.0
"""Jobs are found by any id that an operator has seen."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage.job_creation import NewJob
from amphv2_bootstrap.errors import NotFoundError
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


def test_a_job_is_found_by_its_id_and_its_flows_ids(make_cloud: MakeCloud) -> None:
    """Whole or shortened: the commands take what logs and pages show."""
    cloud = make_cloud(main=["a"], own=["b"])
    uuid = cloud.post([NewFlowRun("main", 0), NewFlowRun("own", 0, "one")])
    ids = [uuid, *(run.uuid for run in cloud.store.flow_runs_of(uuid))]
    for text in [*ids, *(one[:12] for one in ids), None]:
        assert cloud.store.resolve(text).uuid == uuid


@pytest.mark.parametrize("text", ["", "no such id", "%", "_" * 36])
def test_what_begins_no_id_finds_nothing(text: str, make_cloud: MakeCloud) -> None:
    """Neither the empty text nor a wildcard of SQL stands for any job."""
    cloud = make_cloud(main=["a"])
    cloud.post([NewFlowRun("main", 0)])
    with pytest.raises(NotFoundError, match="none has it"):
        cloud.store.resolve(text)


def test_a_beginning_of_two_jobs_is_refused(make_cloud: MakeCloud) -> None:
    """The error says how many jobs have it."""
    cloud = make_cloud()
    for last in "12":
        uuid = f"aaaaaaaa-0000-4000-8000-00000000000{last}"
        flow_runs = [NewFlowRun("main", 0)]
        new = NewJob(uuid, {}, "", {}, "park", "root@one", flow_runs, {"main": ["a"]})
        assert cloud.job_creation.create(new) == uuid
        cloud.journal.cancel(uuid)
    with pytest.raises(NotFoundError, match="2 jobs have"):
        cloud.store.resolve("aaaaaaaa-0")
