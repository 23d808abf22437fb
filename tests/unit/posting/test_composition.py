# SPDX-License-Identifier: Apache-2.0
"""Which flow runs a specification needs, and in which order."""

import dataclasses

from amphv2_bootstrap.posting.composition import flow_runs_of, plan_runs_of
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec

SPEC = Spec(
    persistence=DatabaseUrl("mysql+pymysql", "octavia", "db", 3306, "p"),
    task_flow={},
    controllers=("ctl1", "ctl2"),
)


def test_once_per_cloud_and_then_every_controller() -> None:
    """The schema is there before any service sees the jobboard enabled."""
    assert [
        (flow_run.flow, flow_run.stage, flow_run.host)
        for flow_run in flow_runs_of(SPEC)
    ] == [
        ("cloud", 1, None),
        ("controller", 2, "ctl1"),
        ("controller", 2, "ctl2"),
    ]


def test_key_value_hosts_come_first_and_only_if_asked() -> None:
    """Naming hosts alone installs nothing."""
    named = dataclasses.replace(SPEC, key_value_hosts=("ctl2",))
    assert flow_runs_of(named) == flow_runs_of(SPEC)
    asked = dataclasses.replace(named, install_key_value_backend=True)
    first = flow_runs_of(asked)[0]
    assert (first.flow, first.stage, first.host) == ("key-value-host", 0, "ctl2")
    assert flow_runs_of(asked)[1:] == flow_runs_of(SPEC)


def test_the_controllers_take_turns() -> None:
    """As many at once as wanted, those that are to be first before the others."""
    spec = dataclasses.replace(SPEC, controllers_at_once=1)
    turns = [(run.flow, run.host, run.at_once) for run in flow_runs_of(spec, ["ctl2"])]
    assert turns[:3] == [
        ("cloud", None, None),
        ("controller", "ctl2", 1),
        ("controller", "ctl1", 1),
    ]


def test_a_plan_looks_at_each_of_them() -> None:
    """All at once, but first the hosts where the backend would be installed."""
    spec = dataclasses.replace(
        SPEC,
        install_key_value_backend=True,
        key_value_hosts=("ctl2",),
        controllers_at_once=1,
    )
    found = [(run.flow, run.stage, run.host, run.at_once) for run in plan_runs_of(spec)]
    assert found == [
        ("plan-key-value-host", 0, "ctl2", None),
        ("plan-cloud", 1, None, None),
        ("plan-controller", 1, "ctl1", None),
        ("plan-controller", 1, "ctl2", None),
    ]
