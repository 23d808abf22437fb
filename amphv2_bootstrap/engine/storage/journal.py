# SPDX-License-Identifier: Apache-2.0
"""Writes the state changes of flows and jobs, each in one transaction."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.process_identity import host_of
from amphv2_bootstrap.engine.records import (
    LIVE,
    LONGEST_REASON,
    FlowRun,
    FlowState,
    NewSecrets,
)
from amphv2_bootstrap.engine.rollout import Due
from amphv2_bootstrap.engine.storage import schema, stages
from amphv2_bootstrap.engine.storage.database import Database, to_json


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
        :raises ConflictError: our host is drained, and the flow isn't ours already.
        """
        with self.database.write() as connection:
            run = stages.lock(connection, uuid)
            still_claimed()
            if run is None or run.state not in LIVE:
                return None
            if not stages.has_its_turn(connection, run):
                stages.hold(connection, [run])
                self.record_flow_event(connection, run, "held", "out of turn")
                return None
            if run.owner != self.owner:
                stages.refuse_drained(connection, host_of(self.owner) or self.owner)
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
            return stages.locked_flow_run(connection, uuid)

    def settle(
        self,
        run: FlowRun,
        state: FlowState,
        reason: str | None = None,
        *,
        fence: bool = False,
    ) -> None:
        """Write how a run of the flow ended, and what follows from it.

        ``ready`` gives the flow back. The flows that have their turn then are released;
        when the last one of all has ended, the job is closed.

        :param fence: refuse all later writes of that run; a repetition of this call,
            too.
        :raises FencedError: another conductor took the flow meanwhile.
        """
        with self.database.write() as connection:
            stages.lock_job(connection, run.job_uuid)
            stages.check_epoch(connection, run)
            if not self._set_state(connection, run, state, reason):
                return  # an earlier call was committed, and only its answer lost
            if fence:
                stages.raise_epoch(connection, run)
            self.advance(connection, run.job_uuid)

    def is_behind(self, job_uuid: str) -> bool:
        """Whether :meth:`make_good` would change anything."""
        with self.database.read() as connection:
            return bool(stages.look(connection, job_uuid, self.database.now))

    def make_good(self, job_uuid: str) -> None:
        """Do what follows from the states of the job's flows, whatever prevented it.

        Changes nothing where it has followed.
        """
        with self.database.write() as connection:
            if stages.lock_job(connection, job_uuid):
                self.advance(connection, job_uuid)

    def advance(self, connection: sa.Connection, job_uuid: str) -> None:
        """Do what follows, within the caller's transaction, which locked the job."""
        done = stages.advance(connection, job_uuid, self.database.now)
        self._record_turns(connection, job_uuid, done)

    def start_reverting(self, run: FlowRun, reason: str) -> None:
        """Record that the flow is reverted from now on, also after a crash."""
        with self.database.write() as connection:
            stages.check_epoch(connection, run)
            table = schema.flow_runs
            mine = sa.and_(table.c.uuid == run.uuid, table.c.reverting.is_(False))
            begin = table.update().where(mine).values(reverting=True)
            if connection.execute(begin).rowcount:
                self.record_flow_event(connection, run, "reverting", reason)

    def resume(
        self,
        job_uuid: str,
        secrets: NewSecrets | None = None,
        host: str | None = None,
    ) -> list[str]:
        """Make the parked flows ready again; returns their ids.

        :param host: only the flows of this host.
        :param secrets: new ones for an unfinished job. A flow that runs with the
            former ones is fenced, and ready again.
        """
        parked, ready = (FlowState.PARKED,), FlowState.READY
        return self._move(job_uuid, parked, ready, "resumed", host, secrets)

    def cancel(self, job_uuid: str, host: str | None = None) -> list[str]:
        """Cancel every unfinished flow; a running one is fenced. Returns their ids.

        :param host: only the flows of this host; the others go on.
        """
        states = tuple(state for state in FlowState if not state.is_terminal)
        return self._move(job_uuid, states, FlowState.CANCELLED, "cancelled", host)

    def _move(
        self,
        job_uuid: str,
        old: Sequence[FlowState],
        new: FlowState,
        kind: str,
        host: str | None,
        secrets: NewSecrets | None = None,
    ) -> list[str]:
        table = schema.flow_runs
        with self.database.write() as connection:
            if not stages.lock_job(connection, job_uuid):
                return []
            if secrets is not None:
                self._renew(connection, job_uuid, secrets)
            condition = sa.and_(table.c.job_uuid == job_uuid, table.c.state.in_(old))
            if host is not None:
                condition &= table.c.host == host
            moved = list(connection.execute(sa.select(table.c.uuid).where(condition)))
            values: dict[str, Any] = {"state": new.value, "epoch": table.c.epoch + 1}
            if new.is_terminal:
                values["finished_at"] = self.database.now
            connection.execute(table.update().where(condition).values(**values))
            for row in moved:
                self.record(connection, job_uuid, kind, flow_run_uuid=row.uuid)
            self.advance(connection, job_uuid)
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
        """Let the flows named ``flow`` begin, each in its turn; returns their hosts.

        :param run: the flow that asks; its epoch fences the write.
        """
        with self.database.write() as connection:
            stages.lock_job(connection, run.job_uuid)
            stages.check_epoch(connection, run)
            done, members = stages.release(
                connection, run.job_uuid, flow, self.database.now
            )
            self._record_turns(connection, run.job_uuid, done)
            return [member.host for member in members if member.host is not None]

    def _record_turns(
        self, connection: sa.Connection, job_uuid: str, done: Due
    ) -> None:
        for kind, runs in (("released", done.release), ("held", done.hold)):
            if runs:
                names = ", ".join(run.name for run in runs)
                self.record(connection, job_uuid, kind, message=names)

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
        """Record an event of the flow; a very long message is cut."""
        with self.database.write() as connection:
            self.record_flow_event(connection, run, kind, message[:LONGEST_REASON])

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
