# SPDX-License-Identifier: Apache-2.0
"""Posting: one transaction in the database, then entries on the jobboard."""

import hashlib
import logging
import uuid as uuids
from collections.abc import Sequence
from dataclasses import dataclass

from amphv2_bootstrap.engine.board import Board, BoardUnavailableError, entry_of
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError, RefusedError
from amphv2_bootstrap.engine.records import Job, NewFlowRun
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage.database import to_json
from amphv2_bootstrap.engine.storage.job_creation import JobCreation, NewJob
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import ConflictError
from amphv2_bootstrap.flows.outlines import OUTLINES
from amphv2_bootstrap.posting.composition import flow_runs_of, plan_runs_of
from amphv2_bootstrap.posting.sealing import Sealer
from amphv2_bootstrap.spec.model import Spec

LOG = logging.getLogger(__name__)

PLAN = "plan"
"""The kind of the jobs that only look."""

# No desired state of the cloud, so the digest omits them.
_MEANS = ("on_failure", "controllers_at_once")


@dataclass(frozen=True, slots=True)
class Posted:
    """The job that a post wrote, or the equal one that is unfinished."""

    job: Job
    is_new: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The job of a plan, and the key of the seals of its answers.

    The job's own salt is deleted when its last flow ends.
    """

    job: Job
    key: Key


class Poster:
    """Posts a specification; posting again while it is unfinished changes nothing."""

    def __init__(self, store: Store, job_creation: JobCreation, sealer: Sealer) -> None:
        self._store = store
        self._job_creation = job_creation
        self._sealer = sealer

    def post(
        self,
        spec: Spec,
        *,
        posted_by: str,
        first: Sequence[str] = (),
        renewing: bool = False,
    ) -> Posted:
        """Write the job; once this returns it is never lost (promise P1).

        Safe to run any number of times, and from several hosts at once.

        :param first: the controllers that come first.
        :param renewing: accept an unfinished job with other secrets; the caller
            resumes it with these.
        :raises ConflictError: a job of another specification, with other secrets or
            without a fitting seal is unfinished.
        :raises DatabaseUnavailableError: nothing was posted.
        """
        new_job = self._new_job(spec, posted_by, flow_runs_of(spec, first))
        uuid = self._job_creation.create(new_job)
        job = self._store.job(uuid)
        if job.spec_digest != new_job.spec_digest:
            raise ConflictError(
                "post the job",
                why=f"job {uuid} of another configuration is unfinished",
                todo="Wait until it ends, or run "
                f"'amphv2-bootstrap job cancel {uuid}', then post again.",
            )
        if not renewing and uuid != new_job.uuid:
            self._refuse_other_secrets(job)
        return Posted(job, uuid == new_job.uuid)

    def ask(self, spec: Spec, *, posted_by: str) -> Asked:
        """Write a read-only job: each host says what would be changed there.

        It changes nothing, and meets no other job.

        :raises DatabaseUnavailableError: nothing was posted.
        """
        new_job = self._new_job(spec, posted_by, plan_runs_of(spec), PLAN)
        job = self._store.job(self._job_creation.create(new_job))
        return Asked(job, self._sealer.check(job, self._store.flow_runs_of(job.uuid)))

    def announce(self, job: Job, board: Board) -> bool:
        """Put the ready flow runs on the board; False if that is not possible now.

        This only saves time: a conductor posts whatever is missing.
        """
        try:
            board.connect()
            for flow_run in self._store.live_flow_runs():
                if flow_run.job_uuid == job.uuid:
                    board.post_entry(entry_of(flow_run))
        except (BoardUnavailableError, DatabaseUnavailableError) as exc:
            LOG.warning("%s; a conductor posts the job once it is back", exc)
            return False
        return True

    def _new_job(
        self,
        spec: Spec,
        posted_by: str,
        flow_runs: Sequence[NewFlowRun],
        kind: str | None = None,
    ) -> NewJob:
        uuid, data = str(uuids.uuid4()), spec.to_dict()
        wanted = {name: data[name] for name in data if name not in _MEANS}
        if kind:  # an older version must not take it for its own job
            wanted["kind"] = kind
        secrets = self._sealer.secrets_for(uuid, spec, flow_runs)
        return NewJob(
            uuid=uuid,
            spec=data,
            spec_digest=hashlib.sha256(to_json(wanted).encode()).hexdigest(),
            fingerprints=secrets.fingerprints,
            seal=secrets.seal,
            on_failure=spec.on_failure,
            posted_by=posted_by,
            flow_runs=flow_runs,
            atoms={each.flow: OUTLINES[each.flow].names for each in flow_runs},
            kind=kind,
        )

    def _refuse_other_secrets(self, job: Job) -> None:
        try:
            self._sealer.check(job, self._store.flow_runs_of(job.uuid))
        except RefusedError as exc:
            raise ConflictError(
                "post the job",
                why=f"job {job.uuid} is unfinished, and this host doesn't accept it: "
                f"{exc.why}",
                todo=exc.todo,
            ) from exc
