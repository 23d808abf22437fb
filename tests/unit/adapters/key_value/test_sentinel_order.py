# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

import pytest

from amphv2_bootstrap.adapters.key_value.sentinel_order import Silence, silence
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec, Value
from tests.unit.sentinels import ANSWERING, REFUSING, SILENT, listening_sentinels


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening_sentinels() as port:
        yield port


def found(port: int, *hosts: str, master: str | None = "mymaster") -> Silence:
    task_flow: dict[str, Value] = {
        "jobboard_backend_driver": "redis_taskflow_driver",
        "jobboard_backend_hosts": hosts,
        "jobboard_backend_port": port,
        **({"jobboard_redis_sentinel": master} if master else {}),
    }
    spec = Spec(DatabaseUrl("mysql+pymysql"), task_flow, ("ctl1",))
    return silence(spec, timeout=0.5)


def test_silent_ones_before_the_first_answer(port: int) -> None:
    """They are named in their order."""
    result = found(port, SILENT, REFUSING, ANSWERING, SILENT)
    assert result.first == (f"{SILENT}:{port}", f"{REFUSING}:{port}")
    assert f"{SILENT}:{port}, {REFUSING}:{port}" in str(result)
    assert "name it last in jobboard_backend_hosts" in str(result)


def test_nothing_to_say(port: int) -> None:
    """The order matters only for Sentinel, and only before the first that answers."""
    assert found(port, ANSWERING, SILENT) == Silence()
    assert found(port, SILENT, ANSWERING, master=None) == Silence()
    assert str(Silence()) == ""


def test_none_answers(port: int) -> None:
    """All of them are named, and another order is no advice."""
    result = found(port, SILENT, REFUSING)
    assert result.first == (f"{SILENT}:{port}", f"{REFUSING}:{port}")
    assert "None of the Sentinels answers" in str(result)
    assert "name it last" not in str(result)
