# SPDX-License-Identifier: Apache-2.0
"""A board that still has entries of a database which was dropped."""

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from amphv2_bootstrap.engine.board import NewEntry, entry_of
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage import migrate
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.job_creation import JobCreation, NewJob
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from tests.contract.boards import Boards

FLOW_RUNS = (NewFlowRun("cloud", 0), NewFlowRun("controller", 1, host="c1"))


@contextlib.contextmanager
def fresh_database(path: Path) -> Iterator[Database]:
    with contextlib.closing(Database(f"sqlite:///{path}")) as database:
        migrate.upgrade(database)
        yield database


def entries_of_first_job(path: Path) -> Sequence[NewEntry]:
    """The entries of the first job of a new database, in the order of its flows."""
    new_job = NewJob(
        uuid=str(uuid.uuid4()),
        spec={},
        spec_digest="",
        fingerprints={},
        on_failure="park",
        posted_by="test",
        flow_runs=FLOW_RUNS,
        atoms={run.flow: () for run in FLOW_RUNS},
    )
    with fresh_database(path) as database:
        JobCreation(database, Journal(database, "test")).create(new_job)
        return [entry_of(run) for run in Store(database).flow_runs_of(new_job.uuid)]


def test_its_entries_keep_no_flow_off_the_board(
    board_factory: Boards, tmp_path: Path
) -> None:
    """The flows of a new database get places of their own, after those."""
    board = board_factory.open()
    databases = (tmp_path / "earlier.sqlite", tmp_path / "new.sqlite")
    posted = [entry for path in databases for entry in entries_of_first_job(path)]
    for entry in posted:
        board.post_entry(entry)
    assert [entry.uuid for entry in board.entries()] == [one.uuid for one in posted]
