# SPDX-License-Identifier: Apache-2.0
"""Seals of jobs: any change is found, and no resume makes a forged job right."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from amphv2_bootstrap.engine.errors import RefusedError
from amphv2_bootstrap.engine.records import FlowRun, FlowState, Job
from amphv2_bootstrap.engine.storage.job_creation import flow_run_uuid
from amphv2_bootstrap.errors import ConflictError
from amphv2_bootstrap.posting.composition import flow_runs_of
from amphv2_bootstrap.posting.sealing import Sealer
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from tests.unit.engine.flow_runs import flow_run

SPEC = Spec(
    persistence=DatabaseUrl("mysql+pymysql", "octavia", "db", 3306, "p"),
    task_flow={"jobboard_backend_port": 6379},
    controllers=("ctl1", "ctl2"),
    secret_names=("admin_password", "persistence_password"),
    controllers_at_once=1,
)

SECRETS = {"admin_password": "4dm1n-Sesame", "persistence_password": "s3cr3t-Sesame"}
SEALER = Sealer(Secrets(SECRETS), "ctl1")
OTHER = Sealer(Secrets({**SECRETS, "persistence_password": "corrected"}), "ctl1")


@dataclasses.dataclass(frozen=True)
class Posted:
    """A job as the database holds it, with its flows."""

    job: Job
    runs: tuple[FlowRun, ...]

    def with_job(self, **changes: Any) -> "Posted":
        return dataclasses.replace(self, job=dataclasses.replace(self.job, **changes))

    def with_spec(self, **changes: Any) -> "Posted":
        return self.with_job(spec={**self.job.spec, **changes})

    def with_run(self, number: int, **changes: Any) -> "Posted":
        runs = list(self.runs)
        runs[number] = dataclasses.replace(runs[number], **changes)
        return dataclasses.replace(self, runs=tuple(runs))


def _posted(spec: Spec = SPEC) -> Posted:
    name = str(uuid.uuid4())
    new = SEALER.secrets_for(name, spec, flow_runs_of(spec))
    fields: Mapping[str, Any] = {"on_failure": spec.on_failure, "posted_by": "me@ctl1"}
    times = {"created_at": 1.0, "finished_at": None}
    job = Job(
        name,
        spec.to_dict(),
        "",
        new.fingerprints,
        **fields,
        **times,  # type: ignore[arg-type]
        seal=new.seal,
    )
    runs = (_run(name, *numbered) for numbered in enumerate(flow_runs_of(spec)))
    return Posted(job, tuple(runs))


def _run(job: str, number: int, new: Any) -> FlowRun:
    return flow_run(
        sequence=number + 1,
        uuid=flow_run_uuid(job, new),
        job_uuid=job,
        flow=new.flow,
        shape=new.shape,
        stage=new.stage,
        host=new.host,
        at_once=new.at_once,
    )


Change = Callable[[Posted], Posted]

FORGED: dict[str, Change] = {
    "another database server": lambda posted: posted.with_spec(
        persistence={**posted.job.spec["persistence"], "host": "evil"}
    ),
    "an argument of the URL": lambda posted: posted.with_spec(
        persistence={**posted.job.spec["persistence"], "query": {"local_infile": "1"}}
    ),
    "a system database": lambda posted: posted.with_spec(
        persistence={**posted.job.spec["persistence"], "database": "mysql"}
    ),
    "no secrets": lambda posted: posted.with_spec(secret_names=[]),
    "other controllers": lambda posted: posted.with_spec(controllers=["evil"]),
    "an unknown field": lambda posted: posted.with_spec(more=1),
    "an empty specification": lambda posted: posted.with_job(spec={}),
    "a flow of another host": lambda posted: posted.with_run(1, host="ctl2"),
    "another flow": lambda posted: posted.with_run(0, flow="controller"),
    "another shape": lambda posted: posted.with_run(0, shape="0" * 64),
    "an earlier stage": lambda posted: posted.with_run(1, stage=0),
    "more at once": lambda posted: posted.with_run(1, at_once=9),
    "no limit": lambda posted: posted.with_run(1, at_once=None),
    "a higher limit": lambda posted: posted.with_spec(controllers_at_once=9),
    "another id": lambda posted: posted.with_run(1, uuid=str(uuid.uuid4())),
    "a flow more": lambda posted: dataclasses.replace(
        posted, runs=(*posted.runs, dataclasses.replace(posted.runs[0], uuid="x"))
    ),
    "a flow less": lambda posted: dataclasses.replace(posted, runs=posted.runs[1:]),
}
MARKED: dict[str, Change] = {
    "another failure mode": lambda posted: posted.with_job(on_failure="revert"),
    "no seal": lambda posted: posted.with_job(seal=None),
    "another seal": lambda posted: posted.with_job(seal="0" * 64),
    "a seal of no ASCII": lambda posted: posted.with_job(seal="é"),
    "no salt": lambda posted: posted.with_job(fingerprints={}),
    "another job's seal": lambda posted: posted.with_job(seal=_posted().job.seal),
}


def test_a_posted_job_is_accepted() -> None:
    """Every controller with the same secrets has the same key."""
    posted = _posted()
    other = Sealer(Secrets(SECRETS), "ctl2")
    keys = [sealer.check(posted.job, posted.runs) for sealer in (SEALER, other)]
    assert keys[0].seal("x") == keys[1].seal("x")
    progressed = posted.with_run(0, state=FlowState.DONE, epoch=7, owner="ctl2:1:m:0")
    SEALER.check(progressed.job, progressed.runs)


@pytest.mark.parametrize("name", [*FORGED, *MARKED])
def test_a_changed_job_is_refused(name: str) -> None:
    """Whatever was changed, no controller takes the job; the error says what to do."""
    changed = {**FORGED, **MARKED}[name](_posted())
    with pytest.raises(RefusedError, match="seal") as caught:
        SEALER.check(changed.job, changed.runs)
    assert f"job resume {changed.job.uuid}" in str(caught.value)


def test_without_the_secrets_nothing_is_sealed() -> None:
    """Neither a part of the secrets nor an empty key makes a seal that fits."""
    for known in ({}, {"persistence_password": SECRETS["persistence_password"]}):
        forger = Sealer(Secrets(known), "evil")
        job = _posted().job
        new = forger.secrets_for(job.uuid, SPEC, flow_runs_of(SPEC))
        forged = dataclasses.replace(job, seal=new.seal, fingerprints=new.fingerprints)
        with pytest.raises(RefusedError):
            SEALER.check(forged, _posted().runs)


def test_other_secrets_are_named() -> None:
    """The refusal names the secret that differs, and shows none."""
    posted = _posted()
    with pytest.raises(RefusedError) as caught:
        OTHER.check(posted.job, posted.runs)
    assert "persistence_password" in str(caught.value) or "seal" in str(caught.value)
    assert not [text for text in SECRETS.values() if text in str(caught.value)]


def test_a_renewal_takes_this_hosts_secrets() -> None:
    """The job is then accepted where the new secrets are, and a second one is none."""
    posted = _posted()
    new = OTHER.renewal(posted.job, posted.runs, SPEC, None)
    assert new is not None
    assert "corrected" not in str(new)
    job = dataclasses.replace(posted.job, fingerprints=new.fingerprints, seal=new.seal)
    OTHER.check(job, posted.runs)
    assert OTHER.renewal(job, posted.runs, SPEC, None) is None
    with pytest.raises(RefusedError):
        SEALER.check(job, posted.runs)


def test_a_renewal_of_fewer_controllers() -> None:
    """A job that was posted for some of the controllers is resumed for these."""
    posted = _posted(dataclasses.replace(SPEC, controllers=("ctl2",)))
    new = OTHER.renewal(posted.job, posted.runs, SPEC, None)
    assert new is not None


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_a_renewal_takes_no_forged_job(change: Change) -> None:
    """A job that isn't what this host would post is never sealed by a resume."""
    for sealer in (SEALER, OTHER):
        changed = change(_posted())
        with pytest.raises(ConflictError, match="job cancel"):
            sealer.renewal(changed.job, changed.runs, SPEC, "revert")


def test_a_renewal_needs_every_secret() -> None:
    """A host that lacks one can't give its secrets to the job."""
    poor = Sealer(Secrets({"admin_password": "other"}), "ctl3")
    posted = _posted()
    with pytest.raises(RefusedError, match="persistence_password is not set here"):
        poor.renewal(posted.job, posted.runs, SPEC, None)


def test_a_renewal_of_a_reverting_job_is_confirmed() -> None:
    """Nothing proves how an unsealed job is to fail, so the operator must say it."""
    posted = _posted(dataclasses.replace(SPEC, on_failure="revert"))
    with pytest.raises(ConflictError, match="--on-failure revert"):
        OTHER.renewal(posted.job, posted.runs, SPEC, None)
    assert OTHER.renewal(posted.job, posted.runs, SPEC, "revert") is not None
    assert SEALER.renewal(posted.job, posted.runs, SPEC, None) is None
