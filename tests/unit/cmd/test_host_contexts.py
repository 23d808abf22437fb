# SPDX-License-Identifier: Apache-2.0
"""What earlier flows of a job have said counts only under the job's seal.

``tests/functional/test_proof.py`` has real clouds.
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.cmd.host_contexts import Earlier
from amphv2_bootstrap.engine.execution.step_seals import StepSeals
from amphv2_bootstrap.engine.records import Job
from amphv2_bootstrap.engine.seal import Key
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.posting.poster import Poster
from amphv2_bootstrap.posting.sealing import Sealer
from amphv2_bootstrap.steps.base import StepResult
from amphv2_bootstrap.steps.canary import dated
from amphv2_bootstrap.steps.plan.foresight import Planned, State
from tests.unit.engine.toys import Cloud, Ledger, ToyFlows
from tests.unit.posting.test_poster import SECRETS, SPEC, STEPS

_SHOWN = {"octavia": "19.0.0", "driver": "redis"}
_AHEAD = {"steps": [Planned("install-redis", "aim", State.CHANGES).to_dict()]}
Change = Callable[[dict[str, Any]], Any]


class Host:
    """A host with the secrets of the job's poster."""

    def __init__(self, folder: Path) -> None:
        plan = {"plan-key-value-host": ["look"], "plan-cloud": ["look"]}
        self.cloud = Cloud(folder, ToyFlows(Ledger(), {**STEPS, **plan}))
        self.sealer = Sealer(SECRETS, "ctl1")
        self.poster = Poster(self.cloud.store, self.cloud.job_creation, self.sealer)

    def earlier(self, job: Job) -> Earlier:
        return Earlier(self.cloud.store, self.sealer, job)

    def say(self, job: Job, step: str, key: Key | None = None, **said: Any) -> None:
        """Store a result of the job's first flow, sealed as its conductor does."""
        run, *_ = runs = self.cloud.store.flow_runs_of(job.uuid)
        seals = StepSeals(key or self.sealer.check(job, runs), run)
        result = StepResult("unchanged", "", **said).to_dict()
        ended = {"state": "SUCCESS", "results": result}
        row = {
            "name": step,
            "uuid": f"{step}-{job.uuid}"[:64],
            "parent_uuid": run.flow_detail_uuid,
            "atom_type": "TASK_DETAIL",
            "results": seals.sealed(step, ended, {"state": "RUNNING"}),
        }
        with self.cloud.database.write() as connection:
            connection.execute(schema.atomdetails.insert().values(**row))

    def forge(self, change: Change) -> None:
        """Change the stored result as who can write to the database does."""
        table = schema.atomdetails
        with self.cloud.database.write() as connection:
            (found,) = connection.execute(table.select()).mappings()
            changed = change(dict(found["results"]))
            connection.execute(table.update().values(results=changed))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def _proven(host: Host, **how: Any) -> Job:
    """A job, and what its canary of the cloud has shown."""
    job = host.poster.post(SPEC, posted_by="me@here").job
    host.say(job, "prove-jobboard", shown=dated(_SHOWN), **how)
    return job


def test_what_the_canary_has_shown_counts_for_an_hour(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only lately shown: since then, the servers may have become others."""
    job = _proven(host)
    assert host.earlier(job).shown() == _SHOWN
    later = time.time() + 3700
    monkeypatch.setattr(time, "time", lambda: later)
    assert host.earlier(job).shown() == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda result: {**result, "shown": {**result["shown"], "octavia": "18.0.0"}},
        lambda result: {**result, "shown": dated(_SHOWN)},
        lambda result: {**result, "shown": "[" * 9},
        lambda result: {**result, "seal": None},
        lambda result: {**result, "report": result["shown"], "shown": {}},
        lambda result: {},
    ],
    ids=["versions", "moment", "type", "seal", "kind", "nothing"],
)
def test_what_is_forged_shows_nothing(host: Host, change: Change) -> None:
    """Otherwise a controller's proof would leave out that a dead owner's claim ends."""
    job = _proven(host)
    host.forge(change)
    assert host.earlier(job).shown() == {}


def test_what_nobody_of_the_cloud_has_sealed_shows_nothing(host: Host) -> None:
    """A seal by any other key is none."""
    assert host.earlier(_proven(host, key=Key(b"guessed"))).shown() == {}


def _plan(host: Host) -> Job:
    """A plan, and what its first host would install."""
    spec = dataclasses.replace(
        SPEC, install_key_value_backend=True, key_value_hosts=("kv1",)
    )
    job = host.poster.ask(spec, posted_by="me@here").job
    host.say(job, "look", report=_AHEAD)
    return job


def test_what_a_plan_has_ahead(host: Host) -> None:
    """The other hosts learn what the first ones would change; a plan's own only."""
    assert host.earlier(_plan(host)).ahead() == {"install-redis"}


@pytest.mark.parametrize(
    "change",
    [
        lambda result: {**result, "report": {"steps": []}},
        lambda result: {**result, "report": {"steps": 7}, "seal": "0" * 64},
        lambda result: {**result, "report": 7},
    ],
)
def test_nothing_that_is_forged_is_ahead(host: Host, change: Change) -> None:
    """A host would report, under its own seal, what follows from a forged answer."""
    job = _plan(host)
    host.forge(change)
    assert host.earlier(job).ahead() == set()
