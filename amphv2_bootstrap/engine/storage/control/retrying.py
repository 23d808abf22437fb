# SPDX-License-Identifier: Apache-2.0
"""Running the steps of a flow again, from one that the operator names."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from taskflow import states

from amphv2_bootstrap.engine.records import PASSED, FlowRun, FlowState, flow_name
from amphv2_bootstrap.engine.storage import schema, stages
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.engine.storage.store import atom_names_in
from amphv2_bootstrap.errors import ConflictError, NotFoundError

_RETRIED = (FlowState.WAITING, FlowState.READY, FlowState.PARKED, *PASSED)


def retry(
    journal: Journal, job_uuid: str, flow: str, host: str | None, step: str
) -> FlowRun:
    """Have the flow run its steps again from ``step`` on; returns the flow as it was.

    The records of these steps are removed. A flow that had passed takes its turn
    anew. Raises what :class:`Journal` does.

    :param host: None where only one host has this flow.
    :raises NotFoundError: there is no such flow or step.
    :raises ConflictError: the flow can't be run again now.
    """
    with journal.database.write() as connection:
        is_open = stages.lock_job(connection, job_uuid)
        run = _find(stages.flow_runs_of(connection, job_uuid), flow, host)
        if not is_open or run.state not in _RETRIED or run.reverting:
            raise _refusal(run, is_open=is_open)
        _forget(connection, run, _from(connection, run, step))
        _reopen(connection, run)
        journal.record_flow_event(connection, run, "retried", f"from {step}")
        journal.advance(connection, job_uuid)
        return run


def _find(runs: Sequence[FlowRun], flow: str, host: str | None) -> FlowRun:
    found = [run for run in runs if run.flow == flow and host in (None, run.host)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(run.name for run in found or runs)
    raise NotFoundError(
        "run the steps again",
        on=flow_name(flow, host),
        why="several hosts have this flow" if found else "the job has no such flow",
        todo=f"Choose one with --flow and --host: {names}.",
    )


def _from(connection: sa.Connection, run: FlowRun, step: str) -> list[str]:
    """The names of the steps from ``step`` on."""
    names = atom_names_in(connection, run)
    if step not in names:
        raise NotFoundError(
            "run the steps again",
            on=step,
            why=f"the flow {run.flow} has no step of this name",
            todo=f"Choose from {', '.join(names)}.",
        )
    return names[names.index(step) :]


def _forget(connection: sa.Connection, run: FlowRun, names: Sequence[str]) -> None:
    atoms, details = schema.atomdetails, schema.flowdetails
    mine = atoms.c.parent_uuid == run.flow_detail_uuid
    connection.execute(atoms.delete().where(mine, atoms.c.name.in_(names)))
    begun = sa.and_(
        details.c.uuid == run.flow_detail_uuid, details.c.state.is_not(None)
    )
    # Of one that has ended, taskflow would run nothing.
    connection.execute(details.update().where(begun).values(state=states.SUSPENDED))


def _reopen(connection: sa.Connection, run: FlowRun) -> None:
    table = schema.flow_runs
    values: dict[str, Any] = {
        "state": FlowState.WAITING.value,
        "epoch": table.c.epoch + 1,
        "reason": None,
        "owner": None,
        "finished_at": None,
    }
    if run.state in PASSED:
        values["started_at"] = None  # another host may have the turn now
    connection.execute(table.update().where(table.c.uuid == run.uuid).values(**values))


def _refusal(run: FlowRun, *, is_open: bool) -> ConflictError:
    why, todo = f"it is {run.state}", "Post the job anew when this one has ended."
    if not is_open:
        why, todo = "the job has ended", "Post it anew."
    elif run.state is FlowState.RUNNING:
        why, todo = f"{run.owner} is carrying it out", "Wait until it ends."
    elif run.reverting:
        why = "what it made is being undone"
        todo = f"Run 'amphv2-bootstrap job resume {run.job_uuid}', or cancel it."
    return ConflictError("run the steps again", on=str(run), why=why, todo=todo)
