# SPDX-License-Identifier: Apache-2.0
"""Writes the state changes of flows and jobs, each in one transaction."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import FlowRun, FlowState, NewSecrets
from amphv2_bootstrap.engine.storage import schema, stages
from amphv2_bootstrap.engine.storage.database import Database, to_json
from amphv2_bootstrap.engine.storage.store import flow_run_from_row

_FENCE = (
    schema.flow_runs.update()
    .where(
        schema.flow_runs.c.uuid == sa.bindparam("run_uuid"),
        schema.flow_runs.c.epoch == sa.bindparam("run_epoch"),
    )
    .values(writes=schema.flow_runs.c.writes + 1)
)


class Journal:
    """All writes of the engine outside taskflow's own tables.

    ``owner`` is written into each event. A method that takes no ``connection`` is
    one transaction. It raises :class:`DatabaseUnavailableError` while the database
    is away, and is then safe to call again, even if it was committed.
    """

    def __init__(self, database: Database, owner: str) -> None:
        self.database = database
        self.owner = owner

    def take(
        self, uuid: str, still_claimed: Callable[[], None] = lambda: None
    ) -> FlowRun | None:
        """Raise the flow's epoch and make the flow ours; None where it must not run.

        From then on every write under an older epoch is refused. A conductor that
        was paused after its claim must not get so far: it would fence the new holder.

        :param still_claimed: raises FencedError where the claim is, or may be, lost.
        """
        with self.database.write() as connection:
            run = _locked_flow_run(connection, uuid)
            still_claimed()
            if run is None or run.state not in (FlowState.READY, FlowState.RUNNING):
                return None
            connection.execute(
                schema.flow_runs.update()
                .where(schema.flow_runs.c.uuid == uuid)
                .values(
                    epoch=run.epoch + 1,
                    owner=self.owner,
                    state=FlowState.RUNNING.value,
                    reason=None,
                    started_at=sa.func.coalesce(
                        schema.flow_runs.c.started_at, self.database.now
                    ),
                )
            )
            resumed = run.owner if run.state is FlowState.RUNNING else None
            message = f"taken over from {resumed}" if resumed else None
            self.record_flow_event(connection, run, "claimed", message)
            return _locked_flow_run(connection, uuid)

    def settle(
        self,
        run: FlowRun,
        state: FlowState,
        reason: str | None = None,
        *,
        fence: bool = False,
    ) -> None:
        """Write how a run of the flow ended, and what follows from it.

        ``ready`` gives the flow back. When the last flow of a stage is done, the
        next stage is released; when the last flow of all has ended, the job is
        closed.

        :param fence: refuse all later writes of that run; a repetition of this call,
            too.
        :raises FencedError: another conductor took the flow meanwhile.
        """
        with self.database.write() as connection:
            stages.lock_job(connection, run.job_uuid)
            check_epoch(connection, run)
            if not self._set_state(connection, run, state, reason):
                return  # an earlier call was committed, and only its answer lost
            if fence:
                _raise_epoch(connection, run)
            self._advance(connection, run.job_uuid)

    def make_good(self, job_uuid: str) -> None:
        """Do what should have followed from the ends of flows, whatever prevented it.

        Changes nothing where it has followed.
        """
        with self.database.write() as connection:
            if stages.lock_job(connection, job_uuid):
                self._advance(connection, job_uuid)

    def _advance(self, connection: sa.Connection, job_uuid: str) -> None:
        released = stages.advance(connection, job_uuid, self.database.now)
        self._record_release(connection, job_uuid, released)

    def start_reverting(self, run: FlowRun, reason: str) -> None:
        """Record that the flow is reverted from now on, also after a crash."""
        with self.database.write() as connection:
            check_epoch(connection, run)
            table = schema.flow_runs
            mine = sa.and_(table.c.uuid == run.uuid, table.c.reverting.is_(False))
            begin = table.update().where(mine).values(reverting=True)
            if connection.execute(begin).rowcount:
                self.record_flow_event(connection, run, "reverting", reason)

    def resume(self, job_uuid: str, secrets: NewSecrets | None = None) -> list[str]:
        """Make all parked flows ready again; returns their ids.

        :param secrets: new ones for an unfinished job. A flow that runs with the
            former ones is fenced, and ready again.
        """
        parked, ready = (FlowState.PARKED,), FlowState.READY
        return self._move(job_uuid, parked, ready, "resumed", secrets)

    def cancel(self, job_uuid: str) -> list[str]:
        """Cancel every unfinished flow; a running one is fenced. Returns their ids."""
        states = tuple(state for state in FlowState if not state.is_terminal)
        return self._move(job_uuid, states, FlowState.CANCELLED, "cancelled")

    def _move(
        self,
        job_uuid: str,
        old: Sequence[FlowState],
        new: FlowState,
        kind: str,
        secrets: NewSecrets | None = None,
    ) -> list[str]:
        table = schema.flow_runs
        with self.database.write() as connection:
            if not stages.lock_job(connection, job_uuid):
                return []
            if secrets is not None:
                self._renew(connection, job_uuid, secrets)
            condition = sa.and_(table.c.job_uuid == job_uuid, table.c.state.in_(old))
            moved = list(connection.execute(sa.select(table.c.uuid).where(condition)))
            values: dict[str, Any] = {"state": new.value, "epoch": table.c.epoch + 1}
            if new.is_terminal:
                values["finished_at"] = self.database.now
            connection.execute(table.update().where(condition).values(**values))
            for row in moved:
                self.record(connection, job_uuid, kind, flow_run_uuid=row.uuid)
            stages.close_if_finished(connection, job_uuid, self.database.now)
            return [row.uuid for row in moved]

    def _renew(
        self, connection: sa.Connection, job_uuid: str, secrets: NewSecrets
    ) -> None:
        jobs, flow_runs = schema.jobs, schema.flow_runs
        connection.execute(
            jobs.update()
            .where(jobs.c.uuid == job_uuid)
            .values(fingerprints=to_json(secrets.fingerprints), seal=secrets.seal)
        )
        connection.execute(
            flow_runs.update()
            .where(
                flow_runs.c.job_uuid == job_uuid,
                flow_runs.c.state == FlowState.RUNNING.value,
            )
            .values(
                state=FlowState.READY.value, epoch=flow_runs.c.epoch + 1, owner=None
            )
        )
        names = ", ".join(secrets.names)
        self.record(connection, job_uuid, "secrets-renewed", message=names)

    def release_stage(self, run: FlowRun, flow: str) -> list[str]:
        """Make the waiting flows named ``flow`` ready; returns the hosts of all.

        :param run: the flow that asks; its epoch fences the write.
        """
        table = schema.flow_runs
        with self.database.write() as connection:
            stages.lock_job(connection, run.job_uuid)
            check_epoch(connection, run)
            condition = sa.and_(table.c.job_uuid == run.job_uuid, table.c.flow == flow)
            released = stages.release(connection, condition)
            self._record_release(connection, run.job_uuid, released)
            rows = connection.execute(sa.select(table.c.host).where(condition))
            return [row.host for row in rows if row.host is not None]

    def _record_release(
        self, connection: sa.Connection, job_uuid: str, count: int
    ) -> None:
        if count:
            self.record(connection, job_uuid, "released", message=str(count))

    def _set_state(
        self,
        connection: sa.Connection,
        run: FlowRun,
        state: FlowState,
        reason: str | None,
    ) -> bool:
        """True when the flow had a different state before."""
        table = schema.flow_runs
        values: dict[str, Any] = {"state": state.value, "reason": reason, "owner": None}
        if state.is_terminal:
            values["finished_at"] = self.database.now
        mine = sa.and_(table.c.uuid == run.uuid, table.c.state != state.value)
        changed = connection.execute(table.update().where(mine).values(**values))
        if changed.rowcount:
            self.record_flow_event(connection, run, state.value, reason)
        return bool(changed.rowcount)

    def note(self, run: FlowRun, kind: str, message: str) -> None:
        """Record an event of the flow."""
        with self.database.write() as connection:
            self.record_flow_event(connection, run, kind, message)

    def last_event(
        self, connection: sa.Connection, run: FlowRun, atom: str
    ) -> tuple[str, str | None] | None:
        """Kind and message of a step's last event; None where it has none."""
        table = schema.events
        query = (
            sa.select(table.c.kind, table.c.message)
            .where(
                table.c.job_uuid == run.job_uuid,
                table.c.flow_run_uuid == run.uuid,
                table.c.atom == atom,
            )
            .order_by(table.c.id.desc())
            .limit(1)
        )
        row = connection.execute(query).first()
        return None if row is None else (row.kind, row.message)

    def record_flow_event(
        self,
        connection: sa.Connection,
        run: FlowRun,
        kind: str,
        message: str | None = None,
        atom: str | None = None,
        seal: str | None = None,
    ) -> None:
        """Add an event of a flow within the caller's transaction."""
        self.record(
            connection,
            run.job_uuid,
            kind,
            flow_run_uuid=run.uuid,
            atom=atom,
            message=message,
            seal=seal,
        )

    def record(
        self,
        connection: sa.Connection,
        job_uuid: str,
        kind: str,
        *,
        flow_run_uuid: str | None = None,
        atom: str | None = None,
        message: str | None = None,
        seal: str | None = None,
    ) -> None:
        """Add an event within the caller's transaction."""
        connection.execute(
            schema.events.insert().values(
                job_uuid=job_uuid,
                flow_run_uuid=flow_run_uuid,
                at=self.database.now,
                owner=self.owner,
                kind=kind,
                atom=atom,
                message=message,
                seal=seal,
            )
        )


def check_epoch(connection: sa.Connection, run: FlowRun) -> None:
    """Refuse a write under an old epoch; holds the row until the commit.

    It is a write itself. So on Galera, where a lock is known to its own node only, the
    commit is refused if a newer claim was made through another node.

    :raises FencedError: another conductor took the flow, it was cancelled, or it
        was resumed with other secrets.
    """
    mine = {"run_uuid": run.uuid, "run_epoch": run.epoch}
    if connection.execute(_FENCE, mine).rowcount == 1:
        return
    table = schema.flow_runs
    query = sa.select(table.c.epoch).where(table.c.uuid == run.uuid)
    raise FencedError(
        "write the flow's progress",
        on=str(run),
        why=f"its epoch is {connection.execute(query).scalar()}, ours was {run.epoch}: "
        "another conductor has taken it, it was cancelled, or it was resumed with "
        "other secrets",
    )


def _raise_epoch(connection: sa.Connection, run: FlowRun) -> None:
    table = schema.flow_runs
    raised = table.update().where(table.c.uuid == run.uuid)
    connection.execute(raised.values(epoch=table.c.epoch + 1))


def _locked_flow_run(connection: sa.Connection, uuid: str) -> FlowRun | None:
    query = (
        sa.select(schema.flow_runs)
        .where(schema.flow_runs.c.uuid == uuid)
        .with_for_update()
    )
    row = connection.execute(query).first()
    # The server's collation takes other spellings for the same.
    return flow_run_from_row(row) if row is not None and row.uuid == uuid else None
