# SPDX-License-Identifier: Apache-2.0
"""``--on-failure revert`` on real parts: what is left, and what isn't."""

from collections.abc import Callable

from tests.functional.site import Site
from tests.servers.mariadb import MariaDB

MakeSite = Callable[..., Site]


def _databases(mariadb: MariaDB) -> set[str]:
    return {name for (name,) in mariadb.execute("SHOW DATABASES")}


def _with_password(site: Site, password: str) -> None:
    server = f"{site.mariadb.host}:{site.mariadb.port}"
    url = f"mysql+pymysql://octavia:{password}@{server}/octavia_persistence"
    site.write_configuration("ctl1", {"octavia": {"persistence_connection": url}})


def test_a_password_within_a_name_spoils_no_revert(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """Octavia's database is dropped again, although its name holds the password."""
    mariadb.execute("CREATE USER octavia@'%' IDENTIFIED BY 'another'")
    site = make_site(hosts=("ctl1",))
    _with_password(site, "octavia")
    done = site.cli("run", "--on-failure", "revert")
    assert done.returncode == 1
    assert "a password that is also its user's" in done.stderr
    assert site.show()["state"] == "reverted"
    assert "octavia_persistence" not in _databases(mariadb)
