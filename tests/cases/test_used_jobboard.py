# SPDX-License-Identifier: Apache-2.0
"""A jobboard that already has jobs, and is left for another one.

Source: kolla 86c732dfa, which switched the backend while jobs waited.
"""

import pytest

from amphv2_bootstrap.adapters.octavia import canary, conf_file
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Value
from amphv2_bootstrap.steps import former_jobboard
from amphv2_bootstrap.steps.wanted_options import wanted_values
from tests.unit.steps.controller_host import Controller

WANTED: dict[str, Value] = {
    "jobboard_backend_driver": "redis_taskflow_driver",
    "jobboard_backend_hosts": ("127.0.0.1",),
    "jobboard_backend_port": 6379,
}


@pytest.mark.parametrize("port", [6379, 6380])
def test_the_old_board_must_be_empty(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    """Its jobs are named where another server is wanted; for the same one, nothing."""
    controller.task_flow = {**WANTED, "jobboard_backend_port": port}
    wanted = wanted_values(controller.context)
    former = {**wanted, "jobboard_enabled": True, "jobboard_backend_port": 6379}
    rendered = {name: conf_file.render(value) for name, value in former.items()}
    text = conf_file.set_options(b"", "task_flow", rendered)
    controller.conf.write_bytes(text)
    waiting = ("create-load-balancer (b2c3)",)
    monkeypatch.setattr(former_jobboard, "interpreter_of", lambda host: "/python")
    monkeypatch.setattr(canary, "waiting_jobs", lambda *_, **__: waiting)
    if port == 6379:
        assert former_jobboard.refuse_to_leave_jobs(controller.context) == ()
        return
    with pytest.raises(PermanentError, match="b2c3"):
        former_jobboard.refuse_to_leave_jobs(controller.context)
