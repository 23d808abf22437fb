# SPDX-License-Identifier: Apache-2.0
"""Each line that a flow's worker logs names job, flow and host."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest

from amphv2_bootstrap.cmd import logs
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.spec.masking import Masker
from tests.servers.process import wait_until
from tests.unit.engine.toys import Cloud

MakeCloud = Callable[..., Cloud]
LOG = logging.getLogger("amphv2-test-log-context")


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[io.StringIO, ...]]:
    """What two handlers write, set up as those of the commands are."""
    found = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(one) for one in found])
    level = root.level
    root.setLevel(logging.INFO)
    logs.set_up(Masker(["s3cr3t"]))
    yield found
    root.setLevel(level)


def test_each_line_of_a_step_names_its_flow(
    make_cloud: MakeCloud, streams: tuple[io.StringIO, ...]
) -> None:
    """Each log names the flow once a line; other threads' lines stay as they are."""
    cloud = make_cloud(first=["a"], second=["b"])
    cloud.flows.actions["a"] = lambda: LOG.warning("%s stays", "s3cr3t-file")
    cloud.flows.actions["b"] = lambda: LOG.warning("another host's line")
    uuid = cloud.post([NewFlowRun("first", 0), NewFlowRun("second", 1, "one")])
    with cloud.running():
        wait_until(lambda: cloud.states(uuid) == ["done"] * 2, what="both are done")
        LOG.warning("no flow's line")
    first = f"Job {uuid}, flow first on any controller"
    second = f"Job {uuid}, flow second on one"
    for stream in streams:
        lines = stream.getvalue().splitlines()
        assert f"{first}: ***-file stays" in lines
        assert f"{second}: another host's line" in lines
        assert "no flow's line" in lines
        assert [line for line in lines if line.startswith(f"{second}: running")]
        assert not [line for line in lines if line.count(str(uuid)) > 1]


def test_a_masked_name_is_logged_once(
    make_cloud: MakeCloud, streams: tuple[io.StringIO, ...]
) -> None:
    """A host's name that is also a password, and masked, is not put in front again."""
    cloud = make_cloud(main=["a"])
    cloud.flows.actions["a"] = lambda: LOG.warning("a line")
    uuid = cloud.post([NewFlowRun("main", 0, "s3cr3t")])
    with cloud.running("s3cr3t"):
        wait_until(lambda: cloud.states(uuid) == ["done"], what="it is done")
    for stream in streams:
        lines = stream.getvalue().splitlines()
        assert f"Job {uuid}, flow main on ***: a line" in lines
        assert not [line for line in lines if line.count(str(uuid)) > 1]
