# SPDX-License-Identifier: Apache-2.0
"""The collations of MariaDB and MySQL take 'a', 'A' and 'a ' for one text."""

from collections.abc import Callable
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from tests.functional.engine.conftest import OpenDatabase
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows


@pytest.mark.parametrize("change", [str.upper, lambda text: f"{text} "])
def test_a_flow_is_found_by_its_exact_id_only(
    change: Callable[[str], str], open_database: OpenDatabase, tmp_path: Path
) -> None:
    """An entry of another spelling on a board takes no flow, and fences nobody."""
    database = open_database()
    url = database.engine.url.render_as_string(hide_password=False)
    cloud = Cloud(tmp_path, ToyFlows(Ledger(), {"main": ["a"]}), url)
    job = cloud.post([NewFlowRun("main", 0)])
    (flow_run,) = Store(database).flow_runs_of(job)
    spelt = change(flow_run.uuid)
    assert Store(database).flow_run(spelt) is None
    assert Journal(database, "tester:1:none:0").take(spelt) is None
    assert Store(database).flow_run(flow_run.uuid) == flow_run
