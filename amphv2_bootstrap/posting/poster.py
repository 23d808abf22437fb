# SPDX-License-Identifier: Apache-2.0
"""Posting: one transaction in the database, then entries on the jobboard."""

import hashlib
import logging
import uuid as uuids
from dataclasses import dataclass

from amphv2_bootstrap.engine.board import Board, BoardUnavailableError
from amphv2_bootstrap.engine.conductor.reconcile import posting
from amphv2_bootstrap.engine.records import Bootstrap
from amphv2_bootstrap.engine.storage.database import to_json
from amphv2_bootstrap.engine.storage.job_creation import Draft, Drafts
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import ConflictError
from amphv2_bootstrap.flows.outlines import OUTLINES
from amphv2_bootstrap.posting import fingerprints
from amphv2_bootstrap.posting.composition import plan
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Posted:
    """What a post came to: the id of the whole, and whether it is a new one."""

    bootstrap: Bootstrap
    is_new: bool


class Poster:
    """Posts a specification; posting again while it is unfinished changes nothing."""

    def __init__(self, store: Store, drafts: Drafts) -> None:
        self._store = store
        self._drafts = drafts

    def post(
        self, spec: Spec, secrets: Secrets, *, posted_by: str, renewing: bool = False
    ) -> Posted:
        """Write the jobs; once this returns they are never lost (promise P1).

        Safe to run any number of times, and from several hosts at once.

        :param renewing: an unfinished one may have other secrets: the caller resumes
            it with these.
        :raises ConflictError: a bootstrap of another specification, or of other
            secrets, is unfinished.
        :raises DatabaseUnavailableError: nothing was posted.
        """
        draft = _draft(spec, secrets, posted_by)
        uuid = self._drafts.create(draft)
        bootstrap = self._store.bootstrap(uuid)
        if bootstrap.spec_digest != draft.spec_digest:
            raise ConflictError(
                "post the job",
                why=f"job {uuid} of another configuration is unfinished",
                todo="Wait for it, or end it by "
                f"'amphv2-bootstrap job cancel {uuid}', then post again.",
            )
        if not renewing and uuid != draft.uuid:
            _refuse_other_secrets(bootstrap, secrets)
        return Posted(bootstrap, uuid == draft.uuid)

    def announce(self, bootstrap: Bootstrap, board: Board) -> bool:
        """Put the jobs that are ready on the board; False when it is away.

        Only saves time: a conductor posts whatever is missing.
        """
        try:
            board.connect()
            for job in self._store.live_jobs():
                if job.bootstrap_uuid == bootstrap.uuid:
                    board.post_entry(posting(job))
        except BoardUnavailableError as exc:
            LOG.warning("%s; a conductor will post the job when it is back", exc)
            return False
        return True


def _draft(spec: Spec, secrets: Secrets, posted_by: str) -> Draft:
    data = spec.to_dict()
    # What a failure shall lead to isn't what is wanted of the cloud.
    wanted = {name: data[name] for name in data if name != "on_failure"}
    digest = hashlib.sha256(to_json(wanted).encode()).hexdigest()
    planned = plan(spec)
    return Draft(
        uuid=str(uuids.uuid4()),
        spec=data,
        spec_digest=digest,
        fingerprints=fingerprints.of(secrets, spec.secret_names),
        on_failure=spec.on_failure,
        posted_by=posted_by,
        jobs=planned,
        atoms={job.flow: OUTLINES[job.flow].names for job in planned},
    )


def _refuse_other_secrets(bootstrap: Bootstrap, secrets: Secrets) -> None:
    names = fingerprints.differing(secrets, bootstrap.fingerprints)
    if names:
        raise ConflictError(
            "post the job",
            why=f"job {bootstrap.uuid} is unfinished, and was posted with another "
            f"{', '.join(names)} than this host has",
            todo="If this host's is right, run 'amphv2-bootstrap job resume "
            f"{bootstrap.uuid}' here: the job takes it. Otherwise correct "
            "amphv2-bootstrap.conf.",
        )
