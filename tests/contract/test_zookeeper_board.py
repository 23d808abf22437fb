# SPDX-License-Identifier: Apache-2.0
"""What only the board in ZooKeeper promises."""

import contextlib
import dataclasses
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss

from amphv2_bootstrap.engine.board import BoardUnavailableError
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.jobboards.settings import BoardSettings
from tests.contract.boards import (
    LONG,
    Boards,
    ZookeeperBoards,
    ends_wait,
    fixture_of,
    new_entry,
    open_board,
    posted,
    settings_of,
    wait_for_answers,
    wait_for_claim,
    zookeeper,
)
from tests.servers.certificates import Authority
from tests.servers.proxy import running_proxy
from tests.servers.zookeeper import HOST, ZookeeperServer

pytestmark = pytest.mark.board("zookeeper")
boards = fixture_of(zookeeper)


def test_claim_with_a_lost_answer(boards: Boards) -> None:
    """If the answer to a claim is lost, the board releases the claim."""
    board: Any = boards.open()
    other = boards.open()
    entry = posted(board)
    commit = board._commit

    def lose_answer(change: Any) -> None:
        board._commit = commit
        commit(change)
        raise ConnectionLoss

    board._commit = lose_answer
    with pytest.raises(BoardUnavailableError):
        board.claim_entry(entry, "me", LONG)
    wait_for_claim(other, entry, "other", "the claim is released")


def test_lost_session(boards: Boards) -> None:
    """A board that loses its session loses its claims, says so, and works on."""
    host, port = boards.settings.hosts[0], boards.settings.port
    with running_proxy(host, port) as proxy:
        board: Any = boards.open(port=proxy.port)
        other = boards.open()
        entry = posted(board)
        board.claim_entry(entry, "me", LONG)
        session = board._client.client_id
        # If both were connected, they would take the session from each other forever.
        proxy.cut()
        _end_session(boards, session)
        wait_for_claim(other, entry, "other", "the claim is gone")
        proxy.heal()
        wait_for_answers(board, what="the board has a new session")
        assert not board.renew(entry, "me", LONG)
        assert other.renew(entry, "other", LONG)
        assert other.release(entry, "other")
        board.claim_entry(entry, "me", LONG)


def _end_session(boards: Boards, session: tuple[int, bytes]) -> None:
    client = KazooClient(boards.settings.servers[0], client_id=session)
    client.start()
    client.stop()
    client.close()


def test_new_claim_is_not_mistaken_for_the_old(boards: Boards) -> None:
    """A release that meant an older claim does not end a newer one."""
    board: Any = boards.open()
    other = boards.open()
    entry = posted(board)
    other.claim_entry(entry, "other", LONG)
    commit = board._commit

    def too_late(change: Any) -> bool:
        assert other.release(entry, "other")
        other.claim_entry(entry, "third", LONG)
        done: bool = commit(change)
        return done

    board._commit = too_late
    assert not board.release(entry, "other")
    assert other.renew(entry, "third", LONG)


def test_a_session_that_is_too_short_is_refused(boards: Boards) -> None:
    """The board refuses an expiry that is too long for maxSessionTimeout."""
    with pytest.raises(PermanentError, match="jobboard_expiration_time to 66 or less"):
        boards.open(expiry=100.0)
    boards.open(expiry=66.0)


def tls_boards(
    server: ZookeeperServer, tls: dict[str, str], host: str = HOST
) -> ZookeeperBoards:
    settings = settings_of("zookeeper", server)
    changed = dataclasses.replace(settings, hosts=(host,), zookeeper_ssl=tls)
    return ZookeeperBoards(changed)


def test_tls_with_a_client_certificate(
    zookeeper_with_tls: ZookeeperServer, authority: Authority
) -> None:
    """The board works, also after a new start, by the private authority's files."""
    tls = tls_of(authority)
    with contextlib.closing(tls_boards(zookeeper_with_tls, tls)) as boards:
        board, other = boards.open(), boards.open()
        entry = posted(board)
        board.claim_entry(entry, "me", LONG)
        assert board.renew(entry, "me", LONG)
        assert ends_wait(board, lambda: other.post_entry(new_entry(2)))
        board.close()
        board.connect()
        assert len(board.entries()) == 2


UNVERIFIED = [
    ({"ca": ""}, HOST, "CERTIFICATE_VERIFY_FAILED"),
    ({"certfile": "", "keyfile": ""}, HOST, "(?i)certificate"),
    ({}, "localhost", "Hostname mismatch"),
]


@pytest.mark.parametrize(
    ("change", "host", "reason"),
    UNVERIFIED,
    ids=("unknown authority", "no client certificate", "another host"),
)
def test_tls_is_verified(
    zookeeper_with_tls: ZookeeperServer,
    authority: Authority,
    change: dict[str, str],
    host: str,
    reason: str,
) -> None:
    """Neither side talks to one that it can't verify; the error has the reason."""
    boards = tls_boards(zookeeper_with_tls, tls_of(authority) | change, host)
    with (
        contextlib.closing(boards),
        pytest.raises(BoardUnavailableError, match=reason),
    ):
        boards.open()


def test_tls_without_verified_host_names(
    zookeeper_with_tls: ZookeeperServer, authority: Authority
) -> None:
    """Certificates without the servers' names can be used if the operator says so."""
    tls = tls_of(authority) | {"check_hostname": "False"}
    boards = tls_boards(zookeeper_with_tls, tls, "localhost")
    with contextlib.closing(boards):
        assert list(boards.open().entries()) == []


def test_a_client_that_can_verify_no_host_name_is_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With kazoo before 2.11 the board says so, and never connects unverified."""

    class OldClient(KazooClient):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            del self.check_hostname

    monkeypatch.setattr("kazoo.client.KazooClient", OldClient)
    settings = BoardSettings(
        driver="zookeeper", namespace="test", zookeeper_ssl=tls_of(authority)
    )
    with pytest.raises(PermanentError, match="check_hostname:False"):
        open_board(settings)


def tls_of(authority: Authority) -> dict[str, str]:
    pair = authority.pair("zookeeper-client", password="a pass phrase")
    return {
        "use_ssl": "True",
        "ca": str(authority.file),
        "certfile": str(pair.certificate),
        "keyfile": str(pair.key),
        "keyfile_password": "a pass phrase",
    }
