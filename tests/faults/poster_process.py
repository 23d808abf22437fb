# SPDX-License-Identifier: Apache-2.0
"""A process that posts a bootstrap of toy flows, with the faults of a plan."""

import dataclasses
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amphv2_bootstrap.engine.conductor.reconcile import posting
from amphv2_bootstrap.engine.execution.registry import atoms, shape
from amphv2_bootstrap.engine.records import PlannedJob
from amphv2_bootstrap.engine.storage.job_creation import Draft, Drafts
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from tests.contract.boards import open_board
from tests.faults.conductor_process import Diary, ToyFlows, board_settings
from tests.faults.ledger import Ledger
from tests.faults.plan import Plan, StepPlan
from tests.faults.seams import FaultyBoard, FaultyDatabase, Seams

MAIN = (PlannedJob("main", 0),)


def make_draft(
    flows: Mapping[str, Sequence[StepPlan]],
    jobs: Sequence[PlannedJob] = MAIN,
    on_failure: str = "park",
) -> Draft:
    """A new bootstrap of these jobs."""
    plan = Plan("", "", {}, flows, "", "")
    toys = ToyFlows(plan, Diary(Ledger(Path(os.devnull)), ""), Seams())
    found: dict[str, Any] = {job.flow: toys.factory(job.flow)(None) for job in jobs}
    return Draft(
        uuid=str(uuid.uuid4()),
        spec={},
        spec_digest="",
        fingerprints={},
        on_failure=on_failure,
        posted_by="tester",
        jobs=[dataclasses.replace(job, shape=shape(found[job.flow])) for job in jobs],
        atoms={
            name: [atom.name for atom in atoms(flow)] for name, flow in found.items()
        },
    )


def run(plan: Plan) -> None:
    """Post as the poster does: one transaction, then the board.

    Once the database has it, the id is written into the plan's ``log``: that is
    the acknowledgement.
    """
    seams = Seams(plan.faults, plan.trace)
    database = FaultyDatabase(plan.database, seams)
    drafts = Drafts(database, Journal(database, plan.host))
    uuid = drafts.create(make_draft(plan.flows))
    Path(plan.log).write_text(uuid)
    board = FaultyBoard(open_board(board_settings(plan)), seams)
    board.connect()
    for job in Store(database).live_jobs():
        board.post_entry(posting(job))
    board.close()
