# SPDX-License-Identifier: Apache-2.0
"""What only the board in etcd promises."""

import contextlib
import dataclasses
import time

import etcd3gw
import pytest

from amphv2_bootstrap.engine.board import BoardUnavailableError, ClaimRefusedError
from tests.contract.boards import (
    LONG,
    Boards,
    EtcdBoards,
    ends_wait,
    etcd,
    fixture_of,
    new_entry,
    posted,
    settings_of,
    settle,
)
from tests.servers.certificates import Authority
from tests.servers.etcd import HOST, EtcdServer, ssl_options

pytestmark = pytest.mark.board("etcd")
boards = fixture_of(etcd)


def leases(boards: Boards) -> set[str]:
    client = etcd3gw.client(boards.settings.hosts[0], boards.settings.port, timeout=10)
    found = client.post(client.get_url("/lease/leases"), json={}).get("leases", [])
    return {lease["ID"] for lease in found}


def test_no_lease_is_left_behind(boards: Boards) -> None:
    """A refused claim, a released entry and a removed one leave no lease."""
    board = boards.open()
    entry = posted(board)
    before = leases(boards)
    board.claim_entry(entry, "me", LONG)
    assert len(leases(boards) - before) == 1
    with pytest.raises(ClaimRefusedError):
        board.claim_entry(entry, "other", LONG)
    assert len(leases(boards) - before) == 1
    assert board.release(entry, "me")
    assert leases(boards) <= before
    board.claim_entry(entry, "me", LONG)
    assert board.remove(entry, "me")
    with pytest.raises(ClaimRefusedError):
        board.claim_entry(entry, "me", LONG)
    assert leases(boards) <= before


def test_a_claim_wakes_nobody(boards: Boards) -> None:
    """A claim ends no wait of another board; the release does."""
    board, other = boards.open(), boards.open()
    entry = posted(other)
    settle(board)
    other.claim_entry(entry, "other", LONG)
    began = time.monotonic()
    board.wait_for_change(0.5)
    assert time.monotonic() - began >= 0.5
    other.release(entry, "other")
    board.wait_for_change(LONG)
    assert time.monotonic() - began < LONG / 2


def tls_boards(server: EtcdServer, tls: dict[str, str], host: str) -> EtcdBoards:
    settings = settings_of("etcd", server)
    return EtcdBoards(dataclasses.replace(settings, hosts=(host,), etcd_ssl=tls))


def test_tls_with_a_client_certificate(
    etcd_with_tls: EtcdServer, authority: Authority
) -> None:
    """The board works, and others end its waits, by the private authority's files."""
    tls = tls_of(authority)
    with contextlib.closing(tls_boards(etcd_with_tls, tls, HOST)) as boards:
        board, other = boards.open(), boards.open()
        entry = posted(board)
        board.claim_entry(entry, "me", LONG)
        assert board.renew(entry, "me", LONG)
        assert ends_wait(board, lambda: other.post_entry(new_entry(2)))


@pytest.mark.parametrize(
    ("change", "host", "reason"),
    [
        ({"ca_cert": None}, HOST, "certificate verify failed"),
        ({"cert_cert": None, "cert_key": None}, HOST, "certificate"),
        ({}, "localhost", "Hostname mismatch"),
    ],
    ids=("unknown authority", "no client certificate", "another host"),
)
def test_tls_is_verified(
    etcd_with_tls: EtcdServer,
    authority: Authority,
    change: dict[str, str],
    host: str,
    reason: str,
) -> None:
    """Neither side talks to one that it can't verify; the error has the reason."""
    tls = tls_of(authority) | change
    boards = tls_boards(etcd_with_tls, tls, host)
    with (
        contextlib.closing(boards),
        pytest.raises(BoardUnavailableError, match=reason),
    ):
        boards.open()


def tls_of(authority: Authority) -> dict[str, str]:
    pair = authority.pair("etcd-client")
    return ssl_options(authority, pair)
