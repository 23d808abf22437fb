# SPDX-License-Identifier: Apache-2.0
"""What only the board in Redis promises: accounts and Sentinel."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.engine.board import BoardUnavailableError
from amphv2_bootstrap.jobboards.registry import risks
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.spec.secret import Secret
from tests.contract.boards import (
    LONG,
    Boards,
    answers,
    can_claim,
    fixture_of,
    posted,
    redis,
)
from tests.servers.process import wait_until
from tests.servers.redis import Sentinels, running_sentinels

pytestmark = pytest.mark.board("redis")
boards = fixture_of(redis)


def test_wrong_password(boards: Boards) -> None:
    """The error names the password as the cause, without its value."""
    board = boards.make(password=Secret("wr@ng:secret"))
    with pytest.raises(BoardUnavailableError, match="password") as caught:
        board.connect()
    assert "wr@ng:secret" not in str(caught.value)
    assert "wr@ng:secret" not in repr(board)
    assert "wr@ng:secret" not in repr(boards.settings)


def test_account_without_channels(boards: Boards) -> None:
    """An account that may not publish or subscribe can still use the board."""
    server: Any = boards.server
    with contextlib.closing(server.client()) as client:
        client.execute_command(
            *("ACL", "SETUSER", "quiet", "on", ">pw", "~*", "+@all", "resetchannels")
        )
    board = boards.open(username="quiet", password=Secret("pw"))
    entry = posted(board)
    board.claim_entry(entry, "me", LONG)
    assert board.release(entry, "me")
    board.claim_entry(entry, "me", LONG)
    assert board.remove(entry, "me")


def test_database_of_its_own(boards: Boards) -> None:
    """Boards in different databases of one Redis are separate."""
    posted(boards.open(redis_db=3))
    assert len(boards.open(redis_db=3).entries()) == 1
    assert not boards.open(redis_db=4).entries()


def settings_of(cloud: Sentinels) -> BoardSettings:
    return BoardSettings(
        driver="redis",
        namespace="test",
        hosts=("127.0.0.9", cloud.sentinels[0].host),
        port=cloud.sentinels[0].port,
        password=Secret(cloud.password),
        redis_sentinel=cloud.name,
        redis_sentinel_password=Secret(cloud.sentinel_password),
        redis_ssl={"ssl": "False", "ssl_ca_certs": ""},
        redis_sentinel_ssl={"ssl": "False", "ssl_ca_certs": ""},
    )


def test_sentinel_failover(tmp_path: Path) -> None:
    """When the master dies, the board uses the new one without help."""
    with (
        running_sentinels(tmp_path) as cloud,
        contextlib.closing(Boards(settings_of(cloud))) as boards,
    ):
        board, other = boards.open(), boards.open()
        entry = posted(board)
        wait_until(lambda: replicated(cloud), what="the replica has the entry")
        master = cloud.master()
        master.kill()
        assert not answers(board)
        wait_until(lambda: works(other), what="the new master is used")
        assert cloud.master() is not master
        board.claim_entry(entry, "me", LONG)
        assert not can_claim(other, entry, "other")


def replicated(cloud: Sentinels) -> bool:
    with contextlib.closing(cloud.nodes[1].client()) as client:
        return bool(client.hlen("test:listings") == 1)


def works(board: Any) -> bool:
    """Whether the board can write: a demoted master only answers reads."""
    try:
        posted(board, 2)
    except BoardUnavailableError:
        return False
    return True


def test_wrong_sentinel_password(redis_sentinels: Sentinels) -> None:
    """With a wrong password for the Sentinels the board is unavailable."""
    wrong = dataclasses.replace(
        settings_of(redis_sentinels), redis_sentinel_password=Secret("wr@ng:secret")
    )
    with (
        contextlib.closing(Boards(wrong)) as boards,
        pytest.raises(BoardUnavailableError) as caught,
    ):
        boards.open()
    assert "wr@ng:secret" not in f"{caught.value!r} {wrong!r}"


def test_claims_at_a_master_that_is_cut_off(tmp_path: Path) -> None:
    """A master that takes writes alone is a risk, and min-replicas-to-write ends it."""
    with running_sentinels(tmp_path) as cloud:
        settings = settings_of(cloud)
        (found,) = risks(settings)
        assert "min-replicas-to-write 1" in found
        assert "jobboard" in found
        with contextlib.closing(cloud.master().client()) as client:
            client.config_set("min-replicas-to-write", 1)
        assert risks(settings) == ()


def test_a_single_redis_is_no_risk_for_claims(boards: Boards) -> None:
    """It has no replica that could become master."""
    assert risks(boards.settings) == ()
