# SPDX-License-Identifier: Apache-2.0
"""``--on-failure revert`` undoes what the job made, and nothing else."""

from tests.functional.site import MakeSite, steps
from tests.servers.mariadb import MariaDB


def _databases(mariadb: MariaDB) -> set[str]:
    return {name for (name,) in mariadb.execute("SHOW DATABASES")}


def test_a_password_within_a_name_does_not_prevent_a_revert(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """Octavia's database is dropped again although its name contains the password."""
    mariadb.execute("CREATE USER octavia@'%' IDENTIFIED BY 'another'")
    site = make_site(hosts=("ctl1",))
    url = site.persistence_connection("octavia")
    site.write_configuration("ctl1", {"octavia": {"persistence_connection": url}})
    done = site.cli("run", "--on-failure", "revert")
    assert done.returncode == 1
    assert "a password that is also its user's" in done.stderr
    assert site.show()["state"] == "reverted"
    assert "octavia_persistence" not in _databases(mariadb)


def test_a_failed_step_leaves_nothing_behind(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """After a refused login, the database and the accounts of the job are gone."""
    mariadb.execute("CREATE USER ''@localhost IDENTIFIED BY 'anonymous'")
    site = make_site(hosts=("ctl1",))
    site.write_configuration("ctl1", {"octavia": {"grant_hosts": "%"}})
    done = site.cli("run", "--on-failure", "revert")
    assert done.returncode == 1
    report = site.show()
    assert report["state"] == "reverted"
    tasks = steps(report, "cloud")
    assert {task["state"] for task in tasks[:4]} == {"REVERTED"}
    assert "octavia_persistence" not in _databases(mariadb)
    accounts = mariadb.execute("SELECT user, host FROM mysql.user WHERE user <> 'root'")
    assert ("octavia", "%") not in accounts
    assert ("", "localhost") in accounts
