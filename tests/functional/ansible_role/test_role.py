# SPDX-License-Identifier: Apache-2.0
"""The role on two controllers: check mode, the bootstrap, and a second run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.ansible_role.inventory import Controllers
from tests.functional.ansible_role.playbook import changes
from tests.functional.site import MakeSite, steps

# Ansible starts a Python for each task on each host: busy machines take long.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def controllers(make_site: MakeSite, tmp_path: Path) -> Iterator[Controllers]:
    """Two controllers where Ansible hasn't been yet."""
    site = make_site(engine="mariadb")
    folder = tmp_path / "deploying"
    folder.mkdir()
    found = Controllers(site, folder)
    try:
        yield found
    finally:
        found.stop()


def test_the_role_bootstraps_once(controllers: Controllers) -> None:
    """The role bootstraps the cloud; a second run and check mode change nothing.

    No secret is in the output, and the configuration is root's alone. Check mode makes
    nothing where the program isn't installed yet, and shows the plan where it is.
    """
    site, unchanged = controllers.site, dict.fromkeys(controllers.site.hosts, 0)
    one = ("--limit", "ctl1")
    before = controllers.files()
    fresh = controllers.play("--check", *one)
    assert "--tags amphv2_install" in fresh
    assert controllers.files() == before
    output = controllers.play("--diff", "-vvv")
    assert site.show()["state"] == "done"
    for host in site.hosts:
        assert "jobboard_enabled = True" in site.octavia_conf(host).read_text()
        assert controllers.configuration(host).stat().st_mode & 0o777 == 0o600
        assert steps(site.show(), "controller", host)[0]["host"] == host
    assert all(changes(output).values())
    assert [each for each in controllers.secrets.values() if each in output] == []
    assert changes(controllers.play()) == unchanged
    jobs = len(site.store.jobs())
    planned = controllers.play("--check", "--diff", "-vvv", *one)
    assert changes(planned) == {"ctl1": 0}
    assert "ensure-database-accounts" in planned
    assert [each for each in controllers.secrets.values() if each in planned] == []
    assert len(site.store.jobs()) == jobs


@pytest.mark.long
def test_a_parked_job_is_shown(controllers: Controllers) -> None:
    """The run fails, and says why the job is parked and what to type next."""
    wrong = controllers.secrets["vault_admin"].replace("@", "x@")
    more = controllers.folder / "wrong.json"
    more.write_text(json.dumps({"vault_admin": wrong}))
    output = controllers.play("-e", "@wrong.json", code=2)
    job = site_job(controllers)
    assert f"amphv2-bootstrap job resume {job}" in output
    assert "Access denied" in output
    assert wrong not in output


@pytest.mark.long
def test_a_run_that_fails_restarts_what_has_changed(controllers: Controllers) -> None:
    """The engine's database is away: the conductor has the new options all the same.

    Else no later run would restart it, since none would change the file again.
    """
    one = ("--limit", "ctl1", "-e", '{"amphv2_bootstrap_post": false}')
    controllers.play(*one)
    before = controllers.process("ctl1")
    away = {"vault_engine": "mysql+pymysql://root:none@127.0.0.1:1/engine"}
    (controllers.folder / "away.json").write_text(json.dumps(away))
    output = controllers.play(*one, "-e", "@away.json", code=2)
    assert "127.0.0.1:1" in output
    assert controllers.process("ctl1") != before


def site_job(controllers: Controllers) -> str:
    report = controllers.site.show()
    assert report["state"] == "parked"
    return str(report["id"])
