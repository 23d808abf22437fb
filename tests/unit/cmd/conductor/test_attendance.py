# SPDX-License-Identifier: Apache-2.0
"""What ``--wait`` says of flows that nobody carries out."""

from collections.abc import Callable

import pytest

from amphv2_bootstrap.cmd.conductor.attendance import unattended
from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage.control.draining import drain
from tests.unit.engine.rolling import come_alive
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> Cloud:
    cloud = make_cloud(own=["a"])
    come_alive(cloud, "one")
    return cloud


def _said(cloud: Cloud, uuid: str) -> list[str]:
    report = describe(cloud.store, cloud.store.job(uuid))
    return unattended(report, cloud.store.conductors(), ("one",))


def test_a_drained_host_is_named(cloud: Cloud) -> None:
    """With who has drained it, and what ends that."""
    uuid = cloud.post([NewFlowRun("own", 0, "one")])
    assert _said(cloud, uuid) == []
    drain(cloud.journal, "one", "root@two")
    (text,) = _said(cloud, uuid)
    assert text == (
        "The flow own on one waits for 'conductor undrain one': root@two has drained "
        "the host"
    )


def test_a_refusal_is_told(cloud: Cloud) -> None:
    """A conductor that is there, but refuses the flow, says why."""
    uuid = cloud.post([NewFlowRun("own", 0, "one")])
    (run,) = cloud.store.flow_runs_of(uuid)
    cloud.journal.note(run, "refused", "its seal is not ours")
    (text,) = _said(cloud, uuid)
    assert text.startswith("The flow own on one waits for a conductor that takes it; ")
    assert text.endswith(" refuses: its seal is not ours")
