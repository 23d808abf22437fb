# SPDX-License-Identifier: Apache-2.0
"""Claims of one entry on the board 'sql' through two nodes."""

from collections.abc import Callable

from amphv2_bootstrap.engine.board import (
    BoardUnavailableError,
    ClaimRefusedError,
    Entry,
    entry_of,
)
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.jobboards.sql.board import SqlBoard
from tests.functional.engine.galera.conftest import Behind
from tests.servers.galera import Galera
from tests.unit.engine.toys import Cloud


def _claims(board: SqlBoard, entry: Entry, owner: str) -> Callable[[], bool]:
    def claim() -> bool:
        try:
            board.claim_entry(entry, owner, 600.0)
        except ClaimRefusedError:
            return False
        except BoardUnavailableError as exc:
            raise DatabaseUnavailableError(exc.attempted, why=exc.why) from exc
        return True

    return claim


def test_only_one_claims(
    sides: tuple[Cloud, Cloud], galera: Galera, behind: Behind[bool]
) -> None:
    """A claim through a node that doesn't know of the first one yet is refused."""
    one, two = (SqlBoard("test", side.database) for side in sides)
    uuid = sides[0].post([NewFlowRun("first", 0)])
    one.post_entry(entry_of(sides[0].store.flow_runs_of(uuid)[0]))
    galera.wait_until_in_step()
    (entry,) = two.entries()
    assert not behind(_claims(one, entry, "first"), _claims(two, entry, "second"))
    assert one.renew(entry, "first", 600.0)
    assert not two.renew(entry, "second", 600.0)
