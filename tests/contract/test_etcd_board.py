# SPDX-License-Identifier: Apache-2.0
"""What only the board in etcd promises."""

import time

import etcd3gw
import pytest

from amphv2_bootstrap.engine.board import ClaimRefusedError
from tests.contract.boards import (
    LONG,
    Boards,
    etcd,
    fixture_of,
    posted,
    settle,
)

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
