# SPDX-License-Identifier: Apache-2.0
"""The clock of the database jumps: a fail-over led to a server with another time."""

import contextlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.engine.board import ClaimRefusedError, Entry
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.jobboards.sql import board as board_module
from amphv2_bootstrap.jobboards.sql.board import SqlBoard
from tests.clock import Clock
from tests.contract.boards import LONG, posted, sql, sql_on_mariadb

HOUR = 3600.0


class Cloud:
    """Two conductors' boards in one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.holder = SqlBoard("test", database)
        self.other = SqlBoard("test", database)
        self.entry = posted(self.holder)
        self.holder.claim_entry(self.entry, "holder", LONG)

    def jump(self, seconds: float) -> None:
        """Have the database's clock jump."""
        self.database.now = sa.type_coerce(self.database.now + seconds, sa.Double())

    def seen(self) -> Entry:
        """The entry as the other conductor sees it."""
        return self.other.entries()[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(board_module, "time", clock)
    return clock


@pytest.fixture(params=[sql, sql_on_mariadb], ids=lambda maker: maker.__name__)
def cloud(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Cloud]:
    url = request.param(request).settings.database
    with contextlib.closing(Database(url)) as database:
        yield Cloud(database)


def test_a_clock_that_is_ahead_takes_no_claim_away(cloud: Cloud) -> None:
    """A claim lasts as long as it was to last when another conductor first saw it."""
    assert cloud.seen().claimed
    cloud.jump(HOUR)
    assert cloud.seen().claimed
    assert cloud.holder.renew(cloud.entry, "holder", LONG)
    cloud.jump(-HOUR)
    assert cloud.seen().claimed


def test_a_clock_that_is_behind_keeps_no_claim(cloud: Cloud, clock: Clock) -> None:
    """A claim that nobody renews ends after the time that was seen."""
    assert cloud.seen().claimed
    cloud.jump(-HOUR)
    clock.advance(LONG / 2)
    assert cloud.seen().claimed
    clock.advance(LONG)
    seen = cloud.seen()
    assert not seen.claimed
    cloud.other.claim_entry(seen, "other", LONG)
    assert not cloud.holder.renew(cloud.entry, "holder", LONG)


def test_a_claim_that_was_renewed_in_between_is_not_taken(
    cloud: Cloud, clock: Clock
) -> None:
    """The holder that renews at the last moment keeps its claim."""
    assert cloud.seen().claimed
    cloud.jump(-HOUR)
    clock.advance(2 * LONG)
    seen = cloud.seen()
    assert cloud.holder.renew(cloud.entry, "holder", LONG)
    with pytest.raises(ClaimRefusedError):
        cloud.other.claim_entry(seen, "other", LONG)
