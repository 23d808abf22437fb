# SPDX-License-Identifier: Apache-2.0
"""A wrong password is corrected while the job is unfinished."""

import re

from tests.functional.site import PASSWORD, MakeSite, Site, steps
from tests.servers.mariadb import MariaDB

RIGHT = "R1ght/one"
PACE = {"refusal_pause": "0.5"}
# One in 256 other passwords has the same fingerprint, and isn't named.
TAKEN = re.compile(r"uses this host's (persistence_password|secrets) from now on")
TAKE = re.compile(r"take the job .*(_password|a secret of this host) differs")


def _correct(site: Site, host: str) -> None:
    """Correct the file on one host and restart its conductor, as an operator would."""
    octavia = {"persistence_connection": site.persistence_connection(RIGHT)}
    changes = {"octavia": octavia, "conductor": PACE}
    site.write_configuration(host, changes)
    if host in site.conductors:
        site.kill(host)
        site.start_conductor(host)


def _create_accounts(mariadb: MariaDB) -> None:
    for host in ("localhost", "%"):
        mariadb.execute("CREATE USER octavia@%s IDENTIFIED BY %s", (host, RIGHT))


def _is_refused(site: Site, host: str, since: int = 0) -> bool:
    events = site.store.events(site.store.resolve(None).uuid, after=since)
    return any(
        event.kind == "refused" and event.owner.startswith(f"{host}:")
        for _, event in events
    )


def _events(site: Site) -> int:
    return site.store.events(site.store.resolve(None).uuid)[-1][0]


def test_a_parked_job_goes_on_with_the_corrected_password(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """A host with the right password resumes the parked job, the other refuses it."""
    _create_accounts(mariadb)
    site = make_site()
    site.start_conductors()
    posted = site.cli("post-job", "--wait")
    assert posted.returncode == 1, posted.stderr
    report = site.wait_for_state("parked")
    assert "resume the job" in report["flows"][0]["reason"]

    _correct(site, "ctl1")
    again = site.cli("post-job")
    assert again.returncode == 1
    assert "is unfinished, and this host doesn't accept it" in again.stderr
    assert site.show()["state"] == "parked"

    resumed = site.cli("job", "resume")
    assert resumed.returncode == 0, resumed.stderr
    assert TAKEN.search(resumed.stderr)
    site.wait_until(lambda: _is_refused(site, "ctl2"), "ctl2 refuses the job")
    assert TAKE.search(site.log("ctl2").read_text())
    _correct(site, "ctl2")
    report = site.wait_for_state("done")
    runs = {task["name"]: task["runs"] for task in steps(report, "cloud")}
    assert runs.pop("ensure-database-accounts") == 2
    assert set(runs.values()) == {1}
    texts = [posted, again, resumed]
    output = "".join(done.stdout + done.stderr for done in texts)
    assert not [secret for secret in (RIGHT, PASSWORD) if secret in output]


def test_a_job_that_is_refused_everywhere_is_resumed(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """A resume gives the job the new password, although no flow is parked.

    The operator confirms that a failure may undo things: nothing else proves it.
    """
    _create_accounts(mariadb)
    site = make_site(hosts=("ctl1",))
    assert site.cli("post-job", "--on-failure", "revert").returncode == 0
    _correct(site, "ctl1")
    site.start_conductor("ctl1")
    site.wait_until(lambda: _is_refused(site, "ctl1"), "the job is refused")
    unconfirmed = site.cli("job", "resume")
    assert unconfirmed.returncode == 1
    assert "--on-failure revert" in unconfirmed.stderr
    resumed = site.cli("job", "resume", "--on-failure", "revert")
    assert resumed.returncode == 0, resumed.stderr
    assert "no flow is parked" in resumed.stdout
    site.wait_for_state("done")
    before = _events(site)
    assert site.cli("job", "resume").returncode == 0
    assert _events(site) == before, "a finished job was changed"


def test_run_takes_the_corrected_password(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """Without conductors, a second ``run`` uses the corrected password."""
    _create_accounts(mariadb)
    site = make_site(hosts=("ctl1",))
    assert site.cli("run").returncode == 1
    assert site.show()["state"] == "parked"
    _correct(site, "ctl1")
    done = site.cli("run")
    assert done.returncode == 0, done.stderr
    assert TAKEN.search(done.stderr)
    assert site.show()["state"] == "done"
