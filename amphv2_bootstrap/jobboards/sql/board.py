# SPDX-License-Identifier: Apache-2.0
"""The jobboard in the engine's own database: the embedded default.

It needs no other server, and so works before the cloud has a key-value backend.
The database's clock says how long a claim lasts when a conductor first sees it. From
then on each conductor counts on its own monotonic clock: the database's may jump, as
by a fail-over to another server. So the clocks of the hosts don't matter.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from amphv2_bootstrap.engine.board import Board, ClaimRefusedError, Entry, NewEntry
from amphv2_bootstrap.engine.bounded import read_json
from amphv2_bootstrap.engine.storage.database import Database, to_json
from amphv2_bootstrap.jobboards.board_errors import NOTHING
from amphv2_bootstrap.jobboards.codec import Listing, read_listing, write_listing
from amphv2_bootstrap.jobboards.settings import BoardSettings
from amphv2_bootstrap.jobboards.sql.changes import open_watch
from amphv2_bootstrap.jobboards.sql.table import Claim, EntryTable


def open_board(settings: BoardSettings) -> Board:
    """The board on the engine's own database; ``settings.database`` is required."""
    return SqlBoard(settings.namespace, settings.database, settings.call_seconds)


class SqlBoard:
    """See :class:`amphv2_bootstrap.engine.board.Board` for the contract.

    :param patience: seconds that a server may take to answer; None leaves the
        database's own.
    """

    def __init__(
        self, name: str, database: Database, patience: float | None = None
    ) -> None:
        self._database = database
        self._hasty = database
        if patience is not None and not database.is_sqlite:
            # A renewal must fail early enough for a second one.
            self._hasty = Database(database.engine.url, patience, database.pools)
        self._table = EntryTable(self._hasty, name)
        self._changes = open_watch(database, self._table, name)
        self._claims: dict[str, tuple[Claim, float]] = {}

    def connect(self) -> None:
        """The database connects by itself, at the first statement."""

    def close(self) -> None:
        self._changes.close()
        if self._hasty is not self._database:
            self._hasty.close()

    def post_entry(self, new_entry: NewEntry) -> None:
        body = to_json(write_listing(new_entry))
        self._table.insert(new_entry.uuid, new_entry.sequence, body)
        self._changes.wake()

    def entries(self) -> Sequence[Entry]:
        mark = self._changes.mark()
        rows = self._table.rows()
        self._changes.listen(mark, rows)
        self._claims = {row.uuid: self._observed(row) for row in rows if row.owner}
        now = time.monotonic()
        held = {uuid for uuid, (_, ends) in self._claims.items() if ends > now}
        return [
            Entry(each.uuid, each.name, each.details, each.uuid in held, row)
            for row, each in _listings(rows)
        ]

    def _observed(self, row: Any) -> tuple[Claim, float]:
        """The claim, and its end on our monotonic clock: as it was first seen."""
        claim = (row.owner, row.expires_at)
        known = self._claims.get(row.uuid)
        if known is not None and known[0] == claim:
            return known
        return claim, time.monotonic() + row.left

    def claim_entry(self, entry: Entry, owner: str, expiry: float) -> None:
        row = entry.handle
        is_over = row.owner is not None and not entry.claimed
        ended = (row.owner, row.expires_at) if is_over else None
        if not self._table.claim(entry.uuid, owner, expiry, ended):
            raise ClaimRefusedError(
                f"claim flow {entry.uuid}",
                why="another holds it, or it is gone",
                todo=NOTHING,
            )

    def renew(self, entry: Entry, owner: str, expiry: float) -> bool:
        return self._table.renew(entry.uuid, owner, expiry)

    def release(self, entry: Entry, owner: str) -> bool:
        released = self._table.release(entry.uuid, owner)
        self._changes.wake()
        return released

    def remove(self, entry: Entry, owner: str) -> bool:
        return self._table.delete(entry.uuid, owner)

    def wait_for_change(self, timeout: float) -> None:
        """See :mod:`amphv2_bootstrap.jobboards.sql.changes`."""
        self._changes.wait(timeout)

    def interrupt(self) -> None:
        self._changes.wake()


def _listings(rows: Sequence[Any]) -> Iterator[tuple[Any, Listing]]:
    """The engine's entries, with their rows; anything else stays where it is."""
    for row in rows:
        try:
            listing = read_listing(read_json(row.body), sequence=row.sequence)
        except ValueError:
            continue
        if listing is not None and listing.uuid == row.uuid:
            yield row, listing
