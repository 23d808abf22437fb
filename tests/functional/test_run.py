# SPDX-License-Identifier: Apache-2.0
"""``run`` ends if it can't do the job, but not in an outage."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from amphv2_bootstrap.engine.seal import identities
from amphv2_bootstrap.engine.storage import schema
from tests.functional.site import MakeSite, Site, steps
from tests.json_page import fields
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.proxy import running_proxy


def test_run_says_why_it_cannot_do_the_job(make_site: MakeSite) -> None:
    """For a flow of another shape, the exit code is 1, with the reason."""
    site = make_site(hosts=("ctl1",))
    assert site.cli("post-job").returncode == 0
    _give_shape_of_another_version(site)
    done = site.cli("run")
    assert done.returncode == 1
    assert "knows it in another shape" in done.stderr
    assert "Traceback" not in done.stderr
    assert site.show()["state"] == "ready"


def _give_shape_of_another_version(site: Site) -> None:
    """As if another version with the same secrets had posted and sealed the job."""
    (job,) = site.store.jobs()
    key = site.runtime("ctl1").sealer.check(job, site.store.flow_runs_of(job.uuid))
    with site.store.database.write() as connection:
        connection.execute(schema.flow_runs.update().values(shape="of another version"))
    changed = identities(site.store.flow_runs_of(job.uuid))
    seal = key.seal("job", job.uuid, job.spec, job.on_failure, changed)
    with site.store.database.write() as connection:
        connection.execute(schema.jobs.update().values(seal=seal))


@contextlib.contextmanager
def _in_a_step(site: Site) -> "Iterator[tuple[subprocess.Popen[bytes], Path]]":
    """``run`` in the middle of upgrade-persistence-schema, and what it has said."""
    site.gate("db-manage").touch()
    errors = site.folder / "stderr.log"
    with errors.open("wb") as log:
        run = subprocess.Popen(
            site.command("ctl1", "run"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        site.wait_until_begun("db-manage")
        yield run, errors
    finally:
        run.kill()
        run.wait()


def _wait_until_said(errors: Path, text: str) -> None:
    wait_until(
        lambda: text in errors.read_text(),
        what=f"it says {text!r}",
        state=errors.read_text,
    )


def test_run_survives_an_outage_of_its_database(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """After an outage in the middle of a step the job is done, with exit code 0."""
    site = make_site(hosts=("ctl1",), engine="mariadb")
    with _in_a_step(site) as (run, errors):
        mariadb.kill()
        try:
            _wait_until_said(errors, "the engine's database")
        finally:
            mariadb.start()
        site.gate("db-manage").unlink()
        assert run.wait(120) == 0, errors.read_text()
    assert site.show()["state"] == "done"


def test_a_signal_lets_the_running_step_end(make_site: MakeSite) -> None:
    """Then 'run' ends with the signal's exit code, and the next one goes on."""
    site = make_site(hosts=("ctl1",))
    with _in_a_step(site) as (run, errors):
        run.send_signal(signal.SIGINT)
        _wait_until_said(errors, "A second signal ends it")
        site.gate("db-manage").unlink()
        assert run.wait(120) == 130, errors.read_text()
    report = site.show()
    ended = [step["name"] for step in steps(report, "cloud") if step["finished_at"]]
    assert ended[-1] == "upgrade-persistence-schema"
    assert report["state"] == "ready"
    done = site.cli("run", "-f", "json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == fields("job list")
    assert site.begun("db-manage") == 1


@pytest.mark.parametrize("way", ["idle", "in a step"])
def test_signals_end_run_while_its_database_is_silent(
    make_site: MakeSite, mariadb: MariaDB, way: str
) -> None:
    """One signal ends it if no step runs, otherwise the second one does."""
    site = make_site(hosts=("ctl1",), engine="mariadb")
    with running_proxy(mariadb.host, mariadb.port) as proxy:
        through = site.engine_url.replace(f":{mariadb.port}/", f":{proxy.port}/")
        own = {"task_flow": {"persistence_connection": through}}
        site.write_configuration("ctl1", own)
        with _in_a_step(site) as (run, errors):
            proxy.swallow()
            if way == "idle":
                # Its claim is lost meanwhile, and the step stopped.
                _wait_until_said(errors, "lost the claim")
            else:
                run.send_signal(signal.SIGTERM)
                _wait_until_said(errors, "A second signal ends it")
            run.send_signal(signal.SIGTERM)
            assert run.wait(10) == 143, errors.read_text()
