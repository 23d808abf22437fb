# SPDX-License-Identifier: Apache-2.0
"""Settings that make the loss of a host last long, or do harm: warnings."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.key_value import check
from tests.functional.adapters.test_key_value import sentinel_secrets, sentinel_spec
from tests.servers.process import free_port, running, wait_until
from tests.servers.redis import PASSWORD, RedisServer, Sentinels


def warnings(cloud: Sentinels) -> str:
    return "\n".join(check(sentinel_spec(cloud), sentinel_secrets(cloud)))


def run(server: RedisServer, *command: str) -> None:
    with closing(server.client()) as client:
        client.execute_command(*command)  # type: ignore[no-untyped-call]


@pytest.fixture
def sentinels(redis_sentinels: Sentinels) -> Iterator[Sentinels]:
    """The session's, with their own settings afterwards."""
    yield redis_sentinels
    _wait_before_fail_over(redis_sentinels, 500)
    run(redis_sentinels.master(), "CONFIG", "SET", "min-replicas-to-write", "0")


def _wait_before_fail_over(cloud: Sentinels, milliseconds: int) -> None:
    option = ("down-after-milliseconds", str(milliseconds))
    for sentinel in cloud.sentinels:
        run(sentinel, "SENTINEL", "SET", cloud.name, *option)


def test_a_patient_sentinel_is_a_warning(sentinels: Sentinels) -> None:
    """With Sentinel's default nothing is claimed for 30 s after the master's death."""
    assert "down-after-milliseconds" not in warnings(sentinels)
    _wait_before_fail_over(sentinels, 30_000)
    found = warnings(sentinels)
    assert "Sentinel waits 30 s" in found
    assert f"down-after-milliseconds {sentinels.name} 3000" in found


def test_a_master_that_may_be_isolated_is_a_warning(
    sentinels: Sentinels, tmp_path: Path
) -> None:
    """A master with two replicas must refuse writes that neither of them receives.

    With one replica, the loss of one of both would end all writes.
    """
    master = sentinels.master()
    assert "min-replicas-to-write" not in warnings(sentinels)
    second = RedisServer(
        tmp_path,
        port=free_port(),
        password=PASSWORD,
        options=[f'masterauth "{PASSWORD}"', f"replicaof {master.host} {master.port}"],
    )
    with running(second):
        wait_until(
            lambda: "Set min-replicas-to-write 1" in warnings(sentinels),
            what="the check warns",
        )
        run(master, "CONFIG", "SET", "min-replicas-to-write", "1")
        assert "min-replicas-to-write" not in warnings(sentinels)
