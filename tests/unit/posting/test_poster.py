# SPDX-License-Identifier: Apache-2.0
"""Posting: one transaction in the database, then entries on the board."""

import dataclasses
import threading
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.board import BoardUnavailableError, NewEntry
from amphv2_bootstrap.engine.errors import DatabaseUnavailableError, RefusedError
from amphv2_bootstrap.engine.records import NewFlowRun
from amphv2_bootstrap.engine.storage.job_creation import flow_run_uuid
from amphv2_bootstrap.errors import ConflictError
from amphv2_bootstrap.flows.outlines import OUTLINES
from amphv2_bootstrap.posting.composition import flow_runs_of
from amphv2_bootstrap.posting.poster import Posted, Poster
from amphv2_bootstrap.posting.sealing import Sealer
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows

SPEC = Spec(
    persistence=DatabaseUrl("mysql+pymysql", "octavia", "db", 3306, "p"),
    task_flow={"jobboard_backend_port": 6379},
    controllers=("ctl1", "ctl2"),
    secret_names=("persistence_password",),
)
SECRETS = Secrets({"persistence_password": "s3cr3t"})
OTHER = Secrets({"persistence_password": "c0rrected"})
STEPS = {flow: outline.names for flow, outline in OUTLINES.items()}


class FakeBoard:
    """Keeps what is posted, or is unavailable."""

    def __init__(self, away: bool = False) -> None:
        self.away = away
        self.posted: list[NewEntry] = []

    def connect(self) -> None:
        if self.away:
            raise BoardUnavailableError("connect")

    def post_entry(self, new_entry: NewEntry) -> None:
        self.posted.append(new_entry)


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """An engine's database with toy flows under the real names."""
    return Cloud(tmp_path, ToyFlows(Ledger(), STEPS))


def _poster(cloud: Cloud, secrets: Secrets = SECRETS) -> Poster:
    return Poster(cloud.store, cloud.job_creation, Sealer(secrets, "here"))


def _post(cloud: Cloud, spec: Spec = SPEC) -> Posted:
    return _poster(cloud).post(spec, posted_by="me@here")


def test_a_post_writes_the_flow_runs_of_all_stages(cloud: Cloud) -> None:
    """The first stage is ready, the rest waits; no secret is in any row."""
    posted = _post(cloud)
    assert posted.is_new
    flow_runs = cloud.store.flow_runs_of(posted.job.uuid)
    assert [
        (flow_run.flow, flow_run.host, flow_run.state.value) for flow_run in flow_runs
    ] == [
        (flow_run.flow, flow_run.host, "waiting" if flow_run.stage > 1 else "ready")
        for flow_run in flow_runs_of(SPEC)
    ]
    assert Spec.from_dict(posted.job.spec) == SPEC
    assert "s3cr3t" not in str(posted)


def test_posting_again_while_unfinished_gives_the_same(cloud: Cloud) -> None:
    """Another ``on_failure`` makes no other specification."""
    first = _post(cloud)
    second = _post(cloud, dataclasses.replace(SPEC, on_failure="revert"))
    assert (second.job.uuid, second.is_new) == (first.job.uuid, False)
    assert len(cloud.store.jobs()) == 1


def test_another_specification_is_a_conflict(cloud: Cloud) -> None:
    """The error has the id of the unfinished job, and how to end it."""
    first = _post(cloud)
    other = dataclasses.replace(SPEC, controllers=("ctl1",))
    with pytest.raises(ConflictError, match=f"job cancel {first.job.uuid}"):
        _post(cloud, other)


def test_concurrent_posts_are_one(cloud: Cloud) -> None:
    """Fifty posts at once write one job and get the same id."""
    found: list[Posted] = []
    threads = [
        threading.Thread(target=lambda: found.append(_post(cloud))) for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 50
    assert len({posted.job.uuid for posted in found}) == 1
    assert sum(posted.is_new for posted in found) == 1
    assert len(cloud.store.flow_runs_of(found[0].job.uuid)) == len(flow_runs_of(SPEC))


def test_ids_of_flow_runs_follow_from_the_job(cloud: Cloud) -> None:
    """The same flow and host of one job always has the same id."""
    posted = _post(cloud)
    new_run = NewFlowRun("controller", 2, "ctl2")
    assert cloud.store.flow_runs_of(posted.job.uuid)[2].uuid == flow_run_uuid(
        posted.job.uuid, new_run
    )


def test_announcing_posts_what_is_ready(cloud: Cloud) -> None:
    """Only the first stage is posted, with its flow and host."""
    board = FakeBoard()
    posted = _post(cloud)
    assert _poster(cloud).announce(posted.job, board)  # type: ignore[arg-type]
    (entry,) = board.posted
    assert entry.details["flow"] == "cloud"
    assert entry.details["host"] is None


def test_an_unavailable_board_is_no_failure(cloud: Cloud) -> None:
    """The database has the job: a conductor posts it later."""
    posted = _post(cloud)
    board = FakeBoard(away=True)
    assert not _poster(cloud).announce(posted.job, board)  # type: ignore[arg-type]


def test_an_unavailable_database_is_no_failure_any_more(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is announced is written already: a conductor posts it later."""
    posted = _post(cloud)

    def away() -> None:
        raise DatabaseUnavailableError("read it")

    monkeypatch.setattr(cloud.store, "live_flow_runs", away)
    board = FakeBoard()
    assert not _poster(cloud).announce(posted.job, board)  # type: ignore[arg-type]


def test_other_secrets_are_a_conflict(cloud: Cloud) -> None:
    """The error says how the job gets the new ones."""
    first, other = _post(cloud), _poster(cloud, OTHER)
    with pytest.raises(ConflictError, match="this host doesn't accept it") as caught:
        other.post(SPEC, posted_by="me@here")
    assert f"job resume {first.job.uuid}" in str(caught.value)
    found = other.post(SPEC, posted_by="me@here", renewing=True)
    assert found.job.uuid == first.job.uuid
    assert found.job.fingerprints == first.job.fingerprints


def test_nothing_to_guess_from_is_kept(cloud: Cloud) -> None:
    """When the job ends, its salt, fingerprints and seal are deleted."""
    posted = _post(cloud)
    assert posted.job.seal
    assert posted.job.fingerprints
    cloud.journal.cancel(posted.job.uuid)
    job = cloud.store.job(posted.job.uuid)
    assert job.finished_at is not None
    assert (job.seal, job.fingerprints) == (None, {})


def test_asking_meets_no_job(cloud: Cloud) -> None:
    """A plan and a job of the same specification are two; its seal is its own."""
    asked = _poster(cloud).ask(SPEC, posted_by="me@here")
    posted = _post(cloud)
    assert posted.is_new
    assert posted.job.uuid != asked.job.uuid
    assert posted.job.spec_digest != asked.job.spec_digest
    assert (asked.job.kind, posted.job.kind) == ("plan", None)
    flow_runs = cloud.store.flow_runs_of(asked.job.uuid)
    assert [(run.flow, run.host, run.state.value) for run in flow_runs] == [
        ("plan-cloud", None, "ready"),
        ("plan-controller", "ctl1", "ready"),
        ("plan-controller", "ctl2", "ready"),
    ]
    sealer = Sealer(SECRETS, "there")
    sealer.check(asked.job, flow_runs)
    of_the_job = cloud.store.flow_runs_of(posted.job.uuid)
    with pytest.raises(RefusedError):
        sealer.check(asked.job, of_the_job)
