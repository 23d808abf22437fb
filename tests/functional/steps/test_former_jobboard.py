# SPDX-License-Identifier: Apache-2.0
"""A jobboard with jobs on it is not left, on every backend of a real Octavia."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.adapters.octavia import canary
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.octavia_options import ALWAYS_WRITTEN
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.former_jobboard import refuse_to_leave_jobs
from tests.functional import canary_cloud as clouds
from tests.functional.canary_cloud import CanaryCloud
from tests.servers.mariadb import MariaDB
from tests.unit.steps.controller_host import Controller

BACKENDS = ("redis", "zookeeper", "etcd")


@pytest.fixture(params=BACKENDS)
def cloud(
    request: pytest.FixtureRequest, tmp_path: Path, mariadb: MariaDB, octavia_venv: Path
) -> CanaryCloud:
    """A cloud with a working jobboard on one of the backends."""
    server: Any = request.getfixturevalue(f"{request.param}_server")
    return clouds.on(request.param, server, tmp_path, mariadb, octavia_venv)


@pytest.fixture
def context(cloud: CanaryCloud, tmp_path: Path) -> Callable[..., Context]:
    """Makes the context of that host, with changed wanted options."""

    def make(**changed: Any) -> Context:
        folder = tmp_path / "host"
        folder.mkdir()
        controller = Controller(folder)
        controller.settings["octavia_python"] = cloud.python
        controller.settings["config_files"] = (str(cloud.conf),)
        now = clouds.wanted_of(cloud)
        controller.task_flow = {name: now[name] for name in ALWAYS_WRITTEN} | changed
        url, password = database_url.parse(now["persistence_connection"])
        controller.secrets = {"persistence_password": password or ""}
        if now["jobboard_backend_password"]:
            controller.secrets["jobboard_backend_password"] = now[
                "jobboard_backend_password"
            ]
        made = controller.context
        return replace(made, spec=replace(made.spec, persistence=url))

    return make


def test_a_job_that_waits_parks_the_change(
    cloud: CanaryCloud, context: Callable[..., Context]
) -> None:
    """It is named; it stays on the board, unclaimed; nothing is written."""
    uuid, before = clouds.post(cloud), cloud.conf.read_bytes()
    with pytest.raises(PermanentError, match=f"create-load-balancer .{uuid}") as caught:
        refuse_to_leave_jobs(context(jobboard_backend_namespace="elsewhere"))
    assert "wasn't changed" in str(caught.value)
    assert cloud.conf.read_bytes() == before
    found = canary.waiting_jobs(cloud.python, (str(cloud.conf),))
    assert found == (f"create-load-balancer ({uuid})",)


def test_the_same_jobboard_is_not_looked_at(
    cloud: CanaryCloud, context: Callable[..., Context]
) -> None:
    """A job on the board that stays is Octavia's daily work."""
    clouds.post(cloud)
    assert refuse_to_leave_jobs(context(jobboard_save_logbook=True)) == ()


def test_an_empty_jobboard_may_be_left(context: Callable[..., Context]) -> None:
    """Nobody loses anything."""
    assert refuse_to_leave_jobs(context(jobboard_backend_namespace="elsewhere")) == ()
