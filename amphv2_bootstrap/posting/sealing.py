# SPDX-License-Identifier: Apache-2.0
"""Seals jobs with the secrets that all controllers share, and verifies the seals.

The key of a job's seals is derived from all secrets of ``[octavia]``, which the
controllers have in common, and from the job's salt. An attacker who has only the
engine's database can therefore post nothing, and change nothing that was posted. A
specification without any secret (SQLite, and a backend without a password) has a key
that anybody can derive: there, the file of the engine's database, which only root may
write, is the only protection.

What an attacker can still do: delete or stop jobs, have a step run again, mark one as
done, and put back a job of the past, if its seal was copied before the job ended and no
secret has changed since.
"""

import dataclasses
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from amphv2_bootstrap.engine.errors import RefusedError
from amphv2_bootstrap.engine.records import FlowRun, Job, NewFlowRun, NewSecrets
from amphv2_bootstrap.engine.seal import Key, identities, identity
from amphv2_bootstrap.engine.storage.job_creation import flow_run_uuid
from amphv2_bootstrap.errors import ConflictError
from amphv2_bootstrap.posting import fingerprints
from amphv2_bootstrap.posting.composition import flow_runs_of
from amphv2_bootstrap.spec.digest import slow_digest
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets

_JOB = "job"
_REVERT = "revert"


class Sealer:
    """One host's secrets as what makes and verifies seals.

    :param host: this host's name, for messages.
    """

    def __init__(self, secrets: Secrets, host: str) -> None:
        self._secrets = secrets
        self._host = host
        self._derive = lru_cache(maxsize=16)(self._derived)

    def key(self, salt: bytes) -> Key:
        """The key for a salt; derived once, since that is slow."""
        return self._derive(salt)

    def secrets_for(
        self, uuid: str, spec: Spec, flow_runs: Sequence[NewFlowRun]
    ) -> NewSecrets:
        """The fingerprints and the seal of a job that wants ``spec``."""
        found = fingerprints.of(self._secrets, tuple(self._secrets))
        salt = fingerprints.salt_of(found)
        assert salt is not None  # noqa: S101 - just made
        posted = _identities(uuid, flow_runs)
        content = (uuid, spec.to_dict(), spec.on_failure, posted)
        return NewSecrets((), found, self.key(salt).seal(_JOB, *content))

    def check(self, job: Job, flow_runs: Sequence[FlowRun]) -> Key:
        """The key of a job's seals.

        :raises RefusedError: the job isn't what a controller with this host's secrets
            has posted.
        """
        key = self._fitting(job, flow_runs)
        if key is None:
            raise self._refusal(job)
        return key

    def renewal(
        self, job: Job, flow_runs: Sequence[FlowRun], own: Spec, on_failure: str | None
    ) -> NewSecrets | None:
        """What gives the job this host's secrets; None where it has them.

        Its present seal proves nothing here, so it may be forged. It must be just what
        this host's own configuration would post.

        :param own: what this host's configuration wants.
        :param on_failure: what the operator says of it, if anything.
        :raises RefusedError: a secret of the job is missing here.
        :raises ConflictError: the job is another.
        """
        if self._fitting(job, flow_runs) is not None:
            return None
        found = fingerprints.differences(self._secrets, job.fingerprints)
        self._refuse_missing([name for name in found if name not in self._secrets])
        chosen = job.spec.get("controllers")
        spec = dataclasses.replace(
            own,
            controllers=tuple(
                name
                for name in own.controllers
                if isinstance(chosen, list) and name in chosen
            ),
            on_failure=job.on_failure,
        )
        _refuse_other(job, flow_runs, spec)
        if job.on_failure == _REVERT and on_failure != _REVERT:
            raise _unconfirmed(job)
        return dataclasses.replace(
            self.secrets_for(job.uuid, spec, flow_runs_of(spec)),
            names=tuple(sorted(found)),
        )

    def _derived(self, salt: bytes) -> Key:
        texts = {name: secret.reveal() for name, secret in self._secrets.items()}
        return Key(slow_digest(json.dumps(texts, sort_keys=True), salt, "seals"))

    def _fitting(self, job: Job, flow_runs: Sequence[FlowRun]) -> Key | None:
        """The key, if it made the job's seal."""
        salt = fingerprints.salt_of(job.fingerprints)
        if salt is None or job.seal is None:
            return None
        key = self.key(salt)
        content = (job.uuid, job.spec, job.on_failure, identities(flow_runs))
        return key if key.fits(job.seal, _JOB, *content) else None

    def _refuse_missing(self, names: Sequence[str]) -> None:
        if names:
            raise RefusedError(
                "take this host's secrets for the job",
                on=f"controller {self._host}",
                why=f"{', '.join(names)} is not set here",
                todo="Set it in amphv2-bootstrap.conf, or resume the job on a "
                "controller that has it.",
            )

    def _refusal(self, job: Job) -> RefusedError:
        found = fingerprints.differences(self._secrets, job.fingerprints)
        if job.seal is None:
            why = "it has no seal: a version before 0.2.0 posted it, or no controller"
        elif found:
            why = "; ".join(found.values())
        else:
            why = (
                "its seal doesn't fit: somebody changed it in the engine's database, "
                "or a secret of this host differs from the poster's"
            )
        return RefusedError(
            "take the job",
            on=f"controller {self._host}",
            why=why,
            todo="Make the secrets of amphv2-bootstrap.conf equal on all controllers, "
            "and reload the conductors. If this host has the right ones, run "
            f"'amphv2-bootstrap job resume {job.uuid}' here: the job takes them, if it "
            "is what this host's configuration would post.",
        )


def _identities(uuid: str, new: Sequence[NewFlowRun]) -> list[list[Any]]:
    return sorted(identity(flow_run_uuid(uuid, run), run) for run in new)


def _refuse_other(job: Job, flow_runs: Sequence[FlowRun], spec: Spec) -> None:
    wanted = spec.to_dict()
    names = [name for name in wanted if wanted[name] != job.spec.get(name)]
    if not names and job.spec != wanted:
        names = ["an unknown field"]
    if _identities(job.uuid, flow_runs_of(spec)) != identities(flow_runs):
        names.append("its flows")
    if names:
        raise ConflictError(
            "take this host's secrets for the job",
            on=job.uuid,
            why="it isn't what this host's configuration would post: "
            f"{', '.join(names)} differ",
            todo=f"Run 'amphv2-bootstrap job cancel {job.uuid}', and post it anew. If "
            "nobody has changed the configuration since, somebody has changed the "
            "job in the engine's database: find out who can write there.",
        )


def _unconfirmed(job: Job) -> ConflictError:
    return ConflictError(
        "take this host's secrets for the job",
        on=job.uuid,
        why="it says that what it made is reverted if it fails, and nothing proves "
        "that it was posted so",
        todo="If it was, add '--on-failure revert'. Otherwise cancel the job, and post "
        "it anew.",
    )
