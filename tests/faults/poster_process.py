# SPDX-License-Identifier: Apache-2.0
"""A process that posts a job of toy flows, with the faults of a script."""

import dataclasses
import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amphv2_bootstrap.engine.board import entry_of
from amphv2_bootstrap.engine.execution.registry import atoms, shape
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage.job_creation import JobCreation, NewJob
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import Store
from tests.contract.boards import open_board
from tests.faults.conductor_process import Diary, ToyFlows, board_settings
from tests.faults.ledger import Ledger
from tests.faults.script import Script, ToyStep
from tests.faults.seams import FaultyBoard, FaultyDatabase, Seams

MAIN = (NewFlowRun("main", 0),)


def make_new_job(
    flows: Mapping[str, Sequence[ToyStep]],
    flow_runs: Sequence[NewFlowRun] = MAIN,
    on_failure: str = "park",
) -> NewJob:
    """A new job of these flows."""
    script = Script("", "", {}, flows, "", "")
    toys = ToyFlows(script, Diary(Ledger(Path(os.devnull)), ""), Seams())
    context = {"cancelled": threading.Event()}
    found: dict[str, Any] = {
        flow_run.flow: toys.factory(flow_run.flow)(context) for flow_run in flow_runs
    }
    return NewJob(
        uuid=str(uuid.uuid4()),
        spec={},
        spec_digest="",
        fingerprints={},
        on_failure=on_failure,
        posted_by="tester",
        flow_runs=[
            dataclasses.replace(flow_run, shape=shape(found[flow_run.flow]))
            for flow_run in flow_runs
        ],
        atoms={
            name: [atom.name for atom in atoms(flow)] for name, flow in found.items()
        },
    )


def run(script: Script) -> None:
    """Post as the product does: one transaction, then the board.

    After the transaction the job's id is written into the script's ``log``, as the
    acknowledgement.
    """
    seams = Seams(script.faults, script.trace)
    database = FaultyDatabase(script.database, seams)
    job_creation = JobCreation(database, Journal(database, script.host))
    uuid = job_creation.create(make_new_job(script.flows))
    Path(script.log).write_text(uuid)
    board = FaultyBoard(open_board(board_settings(script)), seams)
    board.connect()
    for flow_run in Store(database).live_flow_runs():
        board.post_entry(entry_of(flow_run))
    board.close()
