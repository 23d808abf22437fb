# SPDX-License-Identifier: Apache-2.0
"""The main job, posted by ``post-job`` and carried out by conductors."""

import json

from tests.functional.site import PASSWORD, MakeSite, steps


def test_a_posted_job_is_done_by_two_conductors(make_site: MakeSite) -> None:
    """The job gives both controllers of an Octavia its jobboard.

    The account and the server are those of octavia.conf's main database.
    """
    site = make_site()
    for host in site.hosts:
        site.use_octavias_own_account(host)
    site.start_conductors()
    done = site.cli("post-job", "--wait", "--timeout", "120")
    assert done.returncode == 0, (done.stderr, site.log("ctl1").read_text())
    assert (
        f"Octavia's tasks: mysql+pymysql://octavia:***@{site.mariadb.host}:"
        f"{site.mariadb.port}/octavia_persistence, by [database] connection of "
        f"{site.octavia_conf('ctl1')}\n"
    ) in done.stderr
    report = json.loads(site.cli("job", "show", "-f", "json").stdout)
    assert report == site.show()
    assert report["state"] == "done"
    assert {task["state"] for flow in report["flows"] for task in flow["tasks"]} == {
        "SUCCESS"
    }
    assert site.begun("db-manage") == 1
    for host in site.hosts:
        assert site.begun(f"restart-{host}") == 1
        assert "jobboard_enabled = True" in site.octavia_conf(host).read_text()
        assert steps(report, "controller", host)[0]["host"] == host
    tables = site.mariadb.execute("SHOW TABLES IN octavia_persistence")
    expected = {"logbooks", "flowdetails", "atomdetails", "alembic_version"}
    assert {row[0] for row in tables} == expected
    assert PASSWORD not in done.stdout + done.stderr
