# SPDX-License-Identifier: Apache-2.0
"""Writing what becomes of jobs: every state change is one transaction."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from amphv2_bootstrap.engine.errors import FencedError
from amphv2_bootstrap.engine.records import Job, JobState, NewSecrets
from amphv2_bootstrap.engine.storage import schema, stages
from amphv2_bootstrap.engine.storage.database import Database, to_json
from amphv2_bootstrap.engine.storage.store import job_from_row

_EPOCH = (
    sa.select(schema.jobs.c.epoch)
    .where(schema.jobs.c.uuid == sa.bindparam("uuid"))
    .with_for_update(read=True)
)


class Journal:
    """All writes of the engine outside taskflow's own tables.

    ``owner`` is written into each event. Every method is one transaction and
    raises :class:`DatabaseUnavailableError` when it can't be carried out; each
    may be called again after that, also when it had in fact been committed.
    """

    def __init__(self, database: Database, owner: str) -> None:
        self.database = database
        self.owner = owner

    def take(
        self, uuid: str, still_claimed: Callable[[], None] = lambda: None
    ) -> Job | None:
        """Raise the job's epoch and make it ours; None where it isn't to be run.

        From here on every write under an older epoch is refused. So whoever has
        slept since its claim must not get here: it would fence the rightful holder.

        :param still_claimed: raises FencedError where the claim is, or may be, lost.
        """
        with self.database.write() as connection:
            job = _locked_job(connection, uuid)
            still_claimed()
            if job is None or job.state not in (JobState.READY, JobState.RUNNING):
                return None
            connection.execute(
                schema.jobs.update()
                .where(schema.jobs.c.uuid == uuid)
                .values(
                    epoch=job.epoch + 1,
                    owner=self.owner,
                    state=JobState.RUNNING.value,
                    reason=None,
                    started_at=sa.func.coalesce(
                        schema.jobs.c.started_at, self.database.now
                    ),
                )
            )
            resumed = job.owner if job.state is JobState.RUNNING else None
            self.record(
                connection,
                job.bootstrap_uuid,
                "claimed",
                job_uuid=uuid,
                message=f"taken over from {resumed}" if resumed else None,
            )
            return _locked_job(connection, uuid)

    def settle(self, job: Job, state: JobState, reason: str | None = None) -> None:
        """Write how a run of the job ended, and what follows from it.

        ``ready`` gives it back; an end releases the next stage when it was the
        last of its own, and closes the bootstrap when it was the last of all.

        :raises FencedError: another conductor took the job meanwhile.
        """
        with self.database.write() as connection:
            stages.lock_bootstrap(connection, job.bootstrap_uuid)
            check_epoch(connection, job)
            if not self._set_state(connection, job, state, reason):
                return  # only the answer to an earlier call was lost
            if state is JobState.DONE:
                released = stages.release_next(connection, job.bootstrap_uuid)
                self._record_release(connection, job.bootstrap_uuid, released)
            elif state.is_terminal:
                stages.cancel_waiting(connection, job.bootstrap_uuid, self.database.now)
            stages.close_if_finished(connection, job.bootstrap_uuid, self.database.now)

    def start_reverting(self, job: Job, reason: str) -> None:
        """Record that the job goes backwards from now on, also after a crash."""
        with self.database.write() as connection:
            check_epoch(connection, job)
            table = schema.jobs
            mine = sa.and_(table.c.uuid == job.uuid, table.c.reverting.is_(False))
            begin = table.update().where(mine).values(reverting=True)
            if connection.execute(begin).rowcount:
                self.record(
                    connection,
                    job.bootstrap_uuid,
                    "reverting",
                    job_uuid=job.uuid,
                    message=reason,
                )

    def resume(
        self, bootstrap_uuid: str, secrets: NewSecrets | None = None
    ) -> list[str]:
        """Make all parked jobs ready again; their ids.

        :param secrets: the secrets of an unfinished bootstrap from now on. A job that
            runs with the former ones is fenced, and ready again.
        """
        parked, ready = (JobState.PARKED,), JobState.READY
        return self._move(bootstrap_uuid, parked, ready, "resumed", secrets)

    def cancel(self, bootstrap_uuid: str) -> list[str]:
        """Cancel every job that isn't at an end; a running one is fenced."""
        states = tuple(state for state in JobState if not state.is_terminal)
        return self._move(bootstrap_uuid, states, JobState.CANCELLED, "cancelled")

    def _move(
        self,
        bootstrap_uuid: str,
        old: Sequence[JobState],
        new: JobState,
        kind: str,
        secrets: NewSecrets | None = None,
    ) -> list[str]:
        table = schema.jobs
        with self.database.write() as connection:
            stages.lock_bootstrap(connection, bootstrap_uuid)
            if secrets is not None:
                self._renew(connection, bootstrap_uuid, secrets)
            condition = sa.and_(
                table.c.bootstrap_uuid == bootstrap_uuid, table.c.state.in_(old)
            )
            moved = list(connection.execute(sa.select(table.c.uuid).where(condition)))
            values: dict[str, Any] = {"state": new.value, "epoch": table.c.epoch + 1}
            if new.is_terminal:
                values["finished_at"] = self.database.now
            connection.execute(table.update().where(condition).values(**values))
            for row in moved:
                self.record(connection, bootstrap_uuid, kind, job_uuid=row.uuid)
            stages.close_if_finished(connection, bootstrap_uuid, self.database.now)
            return [row.uuid for row in moved]

    def _renew(
        self, connection: sa.Connection, bootstrap_uuid: str, secrets: NewSecrets
    ) -> None:
        bootstraps, jobs = schema.bootstraps, schema.jobs
        renewed = connection.execute(
            bootstraps.update()
            .where(
                bootstraps.c.uuid == bootstrap_uuid, bootstraps.c.active.is_not(None)
            )
            .values(fingerprints=to_json(secrets.fingerprints))
        )
        if not renewed.rowcount:
            return
        connection.execute(
            jobs.update()
            .where(
                jobs.c.bootstrap_uuid == bootstrap_uuid,
                jobs.c.state == JobState.RUNNING.value,
            )
            .values(state=JobState.READY.value, epoch=jobs.c.epoch + 1, owner=None)
        )
        names = ", ".join(secrets.names)
        self.record(connection, bootstrap_uuid, "secrets-renewed", message=names)

    def release_stage(self, job: Job, flow: str) -> list[str]:
        """Make the waiting jobs of ``flow`` ready, fenced by ``job``; their hosts."""
        table = schema.jobs
        with self.database.write() as connection:
            stages.lock_bootstrap(connection, job.bootstrap_uuid)
            check_epoch(connection, job)
            condition = sa.and_(
                table.c.bootstrap_uuid == job.bootstrap_uuid, table.c.flow == flow
            )
            released = stages.release(connection, condition)
            self._record_release(connection, job.bootstrap_uuid, released)
            rows = connection.execute(sa.select(table.c.host).where(condition))
            return [row.host for row in rows if row.host is not None]

    def _record_release(
        self, connection: sa.Connection, bootstrap_uuid: str, count: int
    ) -> None:
        if count:
            self.record(connection, bootstrap_uuid, "released", message=str(count))

    def _set_state(
        self, connection: sa.Connection, job: Job, state: JobState, reason: str | None
    ) -> bool:
        """Whether it had another state before."""
        table = schema.jobs
        values: dict[str, Any] = {"state": state.value, "reason": reason, "owner": None}
        if state.is_terminal:
            values["finished_at"] = self.database.now
        mine = sa.and_(table.c.uuid == job.uuid, table.c.state != state.value)
        changed = connection.execute(table.update().where(mine).values(**values))
        if changed.rowcount:
            self.record(
                connection,
                job.bootstrap_uuid,
                state.value,
                job_uuid=job.uuid,
                message=reason,
            )
        return bool(changed.rowcount)

    def note(self, job: Job, kind: str, message: str) -> None:
        """Record an event by itself."""
        with self.database.write() as connection:
            self.record(
                connection, job.bootstrap_uuid, kind, job_uuid=job.uuid, message=message
            )

    def last_event(
        self, connection: sa.Connection, job: Job, atom: str
    ) -> tuple[str, str | None] | None:
        """Kind and message of what was recorded last of a step, if anything was."""
        table = schema.events
        query = (
            sa.select(table.c.kind, table.c.message)
            .where(
                table.c.bootstrap_uuid == job.bootstrap_uuid,
                table.c.job_uuid == job.uuid,
                table.c.atom == atom,
            )
            .order_by(table.c.id.desc())
            .limit(1)
        )
        row = connection.execute(query).first()
        return None if row is None else (row.kind, row.message)

    def record(
        self,
        connection: sa.Connection,
        bootstrap_uuid: str,
        kind: str,
        *,
        job_uuid: str | None = None,
        atom: str | None = None,
        message: str | None = None,
    ) -> None:
        """Add an event within the caller's transaction."""
        connection.execute(
            schema.events.insert().values(
                bootstrap_uuid=bootstrap_uuid,
                job_uuid=job_uuid,
                at=self.database.now,
                owner=self.owner,
                kind=kind,
                atom=atom,
                message=message,
            )
        )


def check_epoch(connection: sa.Connection, job: Job) -> None:
    """Refuse a write under an old epoch; holds the row until the commit.

    :raises FencedError: another conductor took the job, or it was cancelled.
    """
    epoch = connection.execute(_EPOCH, {"uuid": job.uuid}).scalar()
    if epoch != job.epoch:
        raise FencedError(
            "write the job's progress",
            on=job.uuid,
            why=f"its epoch is {epoch}, ours was {job.epoch}: "
            "another conductor has taken it, it was cancelled, or it was resumed with "
            "other secrets",
        )


def _locked_job(connection: sa.Connection, uuid: str) -> Job | None:
    query = sa.select(schema.jobs).where(schema.jobs.c.uuid == uuid).with_for_update()
    row = connection.execute(query).first()
    return None if row is None else job_from_row(row)
