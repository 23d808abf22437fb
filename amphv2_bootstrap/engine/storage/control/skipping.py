# SPDX-License-Identifier: Apache-2.0
"""Leaving a host out of a job."""

from collections.abc import Sequence

import sqlalchemy as sa

from amphv2_bootstrap.engine.records import FlowRun, FlowState
from amphv2_bootstrap.engine.storage import schema, stages
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.errors import ConflictError, NotFoundError


def skip(journal: Journal, job_uuid: str, host: str) -> list[str]:
    """End the unfinished flows of a host as skipped: the job goes on without it.

    Returns their ids; none where they were skipped before. Raises what
    :class:`Journal` does.

    :raises NotFoundError: the job has no flow of this host.
    :raises ConflictError: one is running, or all have ended in another way.
    """
    with journal.database.write() as connection:
        stages.lock_job(connection, job_uuid)
        runs = stages.flow_runs_of(connection, job_uuid)
        own = [run for run in runs if run.host == host]
        if not own:
            raise _unknown(host, runs)
        skipped = [run for run in own if not run.state.is_terminal]
        _refuse_running(skipped)
        if not skipped and all(run.state is not FlowState.SKIPPED for run in own):
            raise _ended(own)
        _set(journal, connection, skipped)
        journal.advance(connection, job_uuid)
        return [run.uuid for run in skipped]


def _set(journal: Journal, connection: sa.Connection, runs: Sequence[FlowRun]) -> None:
    table = schema.flow_runs
    for run in runs:
        connection.execute(
            table.update()
            .where(table.c.uuid == run.uuid)
            .values(
                state=FlowState.SKIPPED.value,
                epoch=table.c.epoch + 1,
                owner=None,
                finished_at=journal.database.now,
            )
        )
        journal.record_flow_event(connection, run, "skipped", run.reason)


def _refuse_running(runs: Sequence[FlowRun]) -> None:
    for run in runs:
        if run.state is FlowState.RUNNING:
            raise ConflictError(
                "skip the host",
                on=str(run),
                why=f"{run.owner} is carrying the flow out",
                todo="Wait until it ends. If that host is lost, run 'amphv2-bootstrap "
                f"job cancel {run.job_uuid} --host {run.host}'.",
            )


def _unknown(host: str, runs: Sequence[FlowRun]) -> NotFoundError:
    names = ", ".join(dict.fromkeys(run.host for run in runs if run.host))
    return NotFoundError(
        "skip the host",
        on=host,
        why="the job has no flow of this host",
        todo=f"Choose from {names}.",
    )


def _ended(own: Sequence[FlowRun]) -> ConflictError:
    ends = ", ".join(f"{run.name} is {run.state}" for run in own)
    return ConflictError(
        "skip the host",
        on=str(own[0].host),
        why=ends,
        todo="Nothing: it holds up no other host.",
    )
