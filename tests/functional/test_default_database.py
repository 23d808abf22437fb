# SPDX-License-Identifier: Apache-2.0
"""The database of Octavia's tasks is by default on Octavia's own server: the same one.

By an octavia.conf that names another server, a controller would want another URL.
"""

from tests.functional.site import PASSWORD, MakeSite, Site

_THERE = "localhost:3306"


def _differing(make_site: MakeSite) -> Site:
    site = make_site()
    site.use_octavias_own_account("ctl1")
    site.use_octavias_own_account("ctl2", _THERE)
    return site


def _assert_unchanged(site: Site) -> None:
    assert not site.mariadb.execute("SHOW DATABASES LIKE 'octavia_persistence'")
    assert not site.mariadb.execute("SELECT 1 FROM mysql.user WHERE user = 'octavia'")
    for host in site.hosts:
        assert "jobboard_enabled = True" not in site.octavia_conf(host).read_text()


def test_nothing_is_posted_if_a_controller_takes_another_database(
    make_site: MakeSite,
) -> None:
    """The post names both URLs without the password; no job is made."""
    site = _differing(make_site)
    site.start_conductor("ctl2")
    reports = site.runtime("ctl1").reports
    site.wait_until(
        lambda: any("persistence_default" in one.content for one in reports.all()),
        "ctl2 has reported its database",
    )
    done = site.cli("post-job")
    assert done.returncode == 2, done.stderr
    assert f"octavia:***@{_THERE}/octavia_persistence there" in done.stderr
    assert f":{site.mariadb.port}/octavia_persistence here" in done.stderr
    assert PASSWORD not in done.stderr
    assert not site.store.jobs()
    _assert_unchanged(site)


def test_a_conductor_refuses_a_job_with_another_database(make_site: MakeSite) -> None:
    """Posted before the controller reported: its conductor takes none of the job."""
    site = _differing(make_site)
    assert site.cli("post-job").returncode == 0
    site.start_conductor("ctl2")
    job = site.store.resolve(None)

    def refused() -> bool:
        events = site.store.events(job.uuid)
        return any(event.kind == "refused" for _, event in events)

    site.wait_until(refused, "ctl2 has refused the job")
    why = site.show()["flows"][0]["waits_for"]
    assert f"octavia:***@{_THERE}/octavia_persistence here" in "".join(why)
    assert PASSWORD not in site.log("ctl2").read_text()
    _assert_unchanged(site)
