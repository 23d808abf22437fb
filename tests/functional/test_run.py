# SPDX-License-Identifier: Apache-2.0
"""``run`` ends if it can't do the job, but not in an outage."""

import subprocess

from amphv2_bootstrap.engine.storage import schema
from tests.functional.site import MakeSite
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until


def test_run_says_why_it_cannot_do_the_job(make_site: MakeSite) -> None:
    """For a flow of another shape, the exit code is 1, with the reason."""
    site = make_site(hosts=("ctl1",))
    assert site.cli("post-job").returncode == 0
    with site.store.database.write() as connection:
        connection.execute(schema.flow_runs.update().values(shape="of another version"))
    done = site.cli("run")
    assert done.returncode == 1
    assert "knows it in another shape" in done.stderr
    assert "Traceback" not in done.stderr
    assert site.show()["state"] == "ready"


def test_run_survives_an_outage_of_its_database(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """After an outage in the middle of a step the job is done, with exit code 0."""
    site = make_site(hosts=("ctl1",), engine="mariadb")
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
        mariadb.kill()
        try:
            wait_until(
                lambda: "the engine's database" in errors.read_text(),
                what="the outage is reported",
                state=errors.read_text,
            )
        finally:
            mariadb.start()
        site.gate("db-manage").unlink()
        assert run.wait(120) == 0, errors.read_text()
    finally:
        run.kill()
        run.wait()
    assert site.show()["state"] == "done"
