# SPDX-License-Identifier: Apache-2.0
"""Ends a job that nobody waits for any more."""

import contextlib

from amphv2_bootstrap.engine.board import Board, ClaimRefusedError
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store

_EXPIRY = 12.0


def withdraw(journal: Journal, board: Board, job_uuid: str) -> None:
    """Cancel what is unfinished of the job, and take its entries off the board.

    There, the entry of a host that is away would outlast the job. One that somebody has
    claimed stays there. Safe to run again.

    :raises BoardUnavailableError: the job is cancelled.
    """
    journal.cancel(job_uuid)
    runs = Store(journal.database).flow_runs_of(job_uuid)
    uuids = {run.uuid for run in runs}
    for entry in board.entries():
        if entry.uuid in uuids and not entry.claimed:
            with contextlib.suppress(ClaimRefusedError):
                board.claim_entry(entry, journal.owner, _EXPIRY)
                board.remove(entry, journal.owner)
