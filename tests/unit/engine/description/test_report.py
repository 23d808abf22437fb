# SPDX-License-Identifier: Apache-2.0
"""What a flow waits for, in the report of its job."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.engine.description.report import describe, waits_for
from amphv2_bootstrap.engine.records import NewFlowRun
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]
HERE, THERE = "one:1:machine:1", "two:2:machine:2"
CASES = [
    (None, [HERE], None),
    (None, [], "a conductor on any controller"),
    ("two", [HERE], "a conductor on two"),
    ("two", [HERE, THERE], None),
]


@pytest.mark.parametrize(("host", "alive", "wanted"), CASES)
def test_a_ready_flow_waits_for_a_conductor(
    host: str | None,
    alive: list[str],
    wanted: str | None,
    make_cloud: MakeCloud,
) -> None:
    """A ready flow waits for a conductor if none that may take it is alive."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0, host)])
    assert waits_for(cloud.store.flow_runs_of(uuid)[0], alive) == wanted


@pytest.mark.parametrize(("host", "heir"), [(None, "any controller"), ("two", "two")])
def test_a_flow_of_a_lost_host_says_so(
    host: str | None, heir: str, make_cloud: MakeCloud
) -> None:
    """The report of a running flow says that its conductor is lost."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0, host)])
    assert cloud.journal.take(cloud.store.flow_runs_of(uuid)[0].uuid)
    (flow,) = describe(cloud.store, cloud.store.job(uuid))["flows"]
    assert flow["state"] == "running"
    assert flow["waits_for"].startswith(f"a conductor on {heir}")
    assert flow["waits_for"].endswith("that on tester is lost")


def test_a_refused_flow_says_so(make_cloud: MakeCloud) -> None:
    """Until a conductor takes it, the report has the last refusal, with its host."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    (run,) = cloud.store.flow_runs_of(uuid)
    for why in ("another version", "its seal doesn't fit"):
        cloud.journal.note(run, "refused", why)
    (flow,) = describe(cloud.store, cloud.store.job(uuid))["flows"]
    assert flow["waits_for"].endswith("tester refuses: its seal doesn't fit")
    assert cloud.journal.take(run.uuid)
    (flow,) = describe(cloud.store, cloud.store.job(uuid))["flows"]
    assert "refuses" not in flow["waits_for"]


def test_a_terminal_obeys_nothing_of_a_report(make_cloud: MakeCloud) -> None:
    """Control characters that somebody wrote into the database are replaced."""
    cloud = make_cloud(main=["a"])
    uuid = cloud.post([NewFlowRun("main", 0)])
    (run,) = cloud.store.flow_runs_of(uuid)
    cloud.journal.note(run, "refused", "a\nb\x1b[2J\x9b")
    (flow,) = describe(cloud.store, cloud.store.job(uuid))["flows"]
    assert flow["waits_for"].endswith("a\nb\ufffd[2J\ufffd")
