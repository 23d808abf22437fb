# SPDX-License-Identifier: Apache-2.0
"""``run`` ends when it has to, and not before."""

import subprocess
from collections.abc import Callable

from amphv2_bootstrap.engine.storage import schema
from tests.functional.site import Site
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until

MakeSite = Callable[..., Site]


def test_run_says_why_it_cannot_do_the_job(make_site: MakeSite) -> None:
    """A flow of another shape is left to others: exit code 1, and the reason."""
    site = make_site(hosts=("ctl1",))
    assert site.cli("post-job").returncode == 0
    with site.store.database.write() as connection:
        connection.execute(schema.flow_runs.update().values(shape="of another version"))
    done = site.cli("run")
    assert done.returncode == 1
    assert "knows it in another shape" in done.stderr
    assert "Traceback" not in done.stderr
    assert site.show()["state"] == "ready"


def test_run_outlasts_its_database(make_site: MakeSite, mariadb: MariaDB) -> None:
    """Away in the middle of a step, back again: the job is done, exit code 0."""
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
                what="the outage is told",
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
