# SPDX-License-Identifier: Apache-2.0
"""The step reports what the check of the backend returns."""

from typing import Any

import pytest

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.errors import TransientError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.cloud.ensure_key_value_backend import EnsureKeyValueBackend
from amphv2_bootstrap.steps.retry_policy import RetryPolicy


@pytest.fixture
def step() -> EnsureKeyValueBackend:
    """A step that retries at once."""
    url = DatabaseUrl("sqlite")
    spec = Spec(url, {"jobboard_backend_driver": "redis_taskflow_driver"}, ("ctl1",))
    host = HostSettings("ctl1", "/state", ("/octavia.conf",), url, ("true",))
    policy = RetryPolicy(first_wait=0.0)
    return EnsureKeyValueBackend(Context(spec, host, Secrets({}), retry=policy))


def test_warnings_reach_the_operator(
    step: EnsureKeyValueBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step tries again after a transient error; the result has the warnings."""
    faults: list[Exception] = [TransientError("reach it")]

    def check(*_: Any, **__: Any) -> tuple[str, ...]:
        if faults:
            raise faults.pop()
        return ("one warning",)

    monkeypatch.setattr(key_value, "check", check)
    result = step.execute()
    assert result["effect"] == "unchanged"
    assert result["warnings"] == ["one warning"]
    assert result["made"] == []
