# SPDX-License-Identifier: Apache-2.0
"""How a board on a database server notices changes: by a few polls."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from amphv2_bootstrap.engine.board import BoardUnavailableError
from amphv2_bootstrap.engine.conductor.settings import ConductorSettings
from tests.contract.boards import (
    LONG,
    Boards,
    ends_wait,
    fixture_of,
    posted,
    settle,
    sql_on_mariadb,
)
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.proxy import Proxy, running_proxy
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows

_SECONDS = 10.0  # long enough for one reconciliation
_PER_SECOND = 5
_RELEASED_BY_A_LATE_CLOCK = (
    "UPDATE engine.board_entries SET owner = NULL, expires_at = NULL,"
    " modified_at = modified_at - 60 WHERE uuid = %s"
)


boards = fixture_of(sql_on_mariadb)


@pytest.fixture
def proxy(mariadb: MariaDB) -> Iterator[Proxy]:
    """A connection to the MariaDB that a test can cut."""
    with running_proxy(mariadb.host, mariadb.port) as running:
        yield running


def test_an_idle_conductor_sends_few_statements(
    mariadb: MariaDB, tmp_path: Path
) -> None:
    """An idle conductor sends five statements a second at most, and never KILL."""
    mariadb.execute("CREATE DATABASE idle")
    password = quote(mariadb.root_password, safe="")
    url = f"mysql+pymysql://root:{password}@{mariadb.host}:{mariadb.port}/idle"
    cloud = Cloud(tmp_path, ToyFlows(Ledger(), {}), url)
    with cloud.running(settings=ConductorSettings()):
        wait_until(lambda: cloud.store.conductors(), what="the conductor serves")
        time.sleep(1)
        mark, began = mariadb.mark(), time.monotonic()
        time.sleep(_SECONDS)
        sent, took = mariadb.statements(mark), time.monotonic() - began
    cloud.database.close()
    polls = [statement for statement in sent if "count(*)" in statement]
    assert len(polls) / took > 1, sent
    assert len(sent) / took <= _PER_SECOND, sent
    assert not [each for each in sent if "KILL" in each or "SLEEP" in each]


def test_a_removal_ends_a_wait(boards: Boards) -> None:
    """The removal of an entry ends the wait of another board."""
    board, other = boards.open(), boards.open()
    entry = posted(other)
    other.claim_entry(entry, "other", LONG)
    assert ends_wait(board, lambda: other.remove(entry, "other"))


def test_a_release_by_a_late_clock_ends_a_wait(
    boards: Boards, mariadb: MariaDB
) -> None:
    """A release ends a wait even if it has the time of a clock that is late."""
    board, other = boards.open(), boards.open()
    entry = posted(other, 1)
    posted(other, 2)
    other.claim_entry(entry, "other", LONG)
    assert ends_wait(
        board, lambda: mariadb.execute(_RELEASED_BY_A_LATE_CLOCK, (entry.uuid,))
    )


def test_a_claim_wakes_nobody(boards: Boards) -> None:
    """Neither a claim nor its renewal ends a wait of another board."""
    board, other = boards.open(), boards.open()
    entry = posted(other)
    settle(board)
    other.claim_entry(entry, "other", LONG)
    other.renew(entry, "other", LONG)
    began = time.monotonic()
    board.wait_for_change(1)
    assert time.monotonic() - began >= 1


def test_a_wait_fails_while_the_server_is_away(
    boards: Boards, mariadb: MariaDB, proxy: Proxy
) -> None:
    """A wait fails without the server, and later works again."""
    direct = str(boards.settings.database)
    url = direct.replace(f":{mariadb.port}/", f":{proxy.port}/")
    assert url != direct
    board, other = boards.open(database=url), boards.open()
    settle(board)
    proxy.cut()
    with pytest.raises(BoardUnavailableError):
        board.wait_for_change(LONG)
    proxy.heal()
    settle(board)
    assert ends_wait(board, lambda: posted(other))
