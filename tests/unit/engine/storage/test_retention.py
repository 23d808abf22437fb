# SPDX-License-Identifier: Apache-2.0
"""All rows of an old job are deleted; an unfinished job stays."""

from collections.abc import Callable

import sqlalchemy as sa

from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.retention import DAY, prune
from tests.unit.engine.toys import Cloud


def _age(cloud: Cloud, uuid: str, days: float) -> None:
    table = schema.jobs
    with cloud.database.write() as connection:
        connection.execute(
            table.update()
            .where(table.c.uuid == uuid)
            .values(
                created_at=table.c.created_at - days * DAY,
                finished_at=table.c.finished_at - days * DAY,
            )
        )


def _rows(cloud: Cloud) -> dict[str, int]:
    tables = (schema.jobs, schema.flow_runs, schema.events, schema.logbooks)
    names = (*tables, schema.flowdetails, schema.atomdetails)
    with cloud.database.read() as connection:
        return {
            table.name: connection.execute(
                sa.select(sa.func.count()).select_from(table)
            ).scalar_one()
            for table in names
        }


def _do_one(cloud: Cloud) -> None:
    uuid = cloud.post([NewFlowRun("main", 0)])
    cloud.wait_for(uuid, "done")


def test_only_what_ended_long_ago_is_forgotten(
    make_cloud: Callable[..., Cloud],
) -> None:
    """A finished job past the age is deleted with all its rows; others stay."""
    cloud = make_cloud(main=["a"])
    with cloud.running():
        for _ in range(2):
            _do_one(cloud)
    old, young = (each.uuid for each in reversed(cloud.store.jobs()))
    unfinished = cloud.post([NewFlowRun("main", 0)])
    before = _rows(cloud)
    _age(cloud, old, 91)
    _age(cloud, unfinished, 1000)

    assert prune(cloud.database, 90 * DAY) == 1
    left = {each.uuid for each in cloud.store.jobs()}
    assert left == {young, unfinished}
    after = _rows(cloud)
    assert after["atomdetails"] == 1
    assert all(after[name] < before[name] for name in before)
    assert prune(cloud.database, 90 * DAY) == 0
