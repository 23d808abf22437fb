# SPDX-License-Identifier: Apache-2.0
"""The conductor that holds the job is killed; the other one finishes it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.functional.site import Site, steps
from tests.servers.mariadb import MariaDB

MakeSite = Callable[..., Site]
BOARDS = ("sql", "redis", "zookeeper", "etcd")
_DEFINITIONS = re.compile(r"^\s*(CREATE|ALTER|DROP|GRANT|REVOKE|SET PASSWORD)\b", re.I)


def outcome(site: Site) -> dict[str, Any]:
    """All that a bootstrap leaves in the cloud, to be compared."""
    server = site.mariadb
    tables = [row[0] for row in server.execute("SHOW TABLES IN octavia_persistence")]
    return {
        "files": {host: site.octavia_conf(host).read_bytes() for host in site.hosts},
        "database": server.execute("SHOW CREATE DATABASE octavia_persistence"),
        "tables": [
            server.execute(f"SHOW CREATE TABLE octavia_persistence.{name}")
            for name in tables
        ],
        "revision": server.execute("SELECT * FROM octavia_persistence.alembic_version"),
        "grants": [
            server.execute(f"SHOW GRANTS FOR octavia@'{host}'")
            for host in ("localhost", "%")
        ],
    }


def undisturbed(make_site: MakeSite, mariadb: MariaDB) -> Mapping[str, Any]:
    """What a run that nobody interrupts leaves; the server is clean afterwards."""
    site = make_site()
    for host in site.hosts:
        site.start_conductor(host)
    done = site.cli("post-job", "--wait")
    assert done.returncode == 0, done.stderr
    found = outcome(site)
    site.stop()
    mariadb.clean()
    return found


@pytest.mark.parametrize("board", BOARDS)
def test_another_host_finishes_when_the_holder_is_killed(
    board: str, make_site: MakeSite, mariadb: MariaDB
) -> None:
    """After SIGKILL in a step: only that step again, and the same bytes in the end."""
    expected = undisturbed(make_site, mariadb)
    mark = mariadb.mark()
    site = make_site(board=board, engine="mariadb", apart=True)
    site.gate("db-manage").touch()
    for host in site.hosts:
        site.start_conductor(host)
    assert site.cli("post-job").returncode == 0
    site.wait_until_begun("db-manage")
    holder = str(site.holder())
    site.kill(holder)
    site.gate("db-manage").unlink()
    other = next(host for host in site.hosts if host != holder)
    site.wait_until(
        lambda: steps(site.show(), "controller", other)[-1]["state"] == "SUCCESS",
        "the other host has done all but the dead one's own part",
    )
    site.wait_for_state("ready")  # the dead host's own job waits

    site.start_conductor(holder)
    report = site.wait_for_state("done")
    upgrade = steps(report, "cloud")[4]
    assert (upgrade["runs"], upgrade["host"]) == (2, other)
    others = [
        task["runs"]
        for flow in report["flows"]
        for task in flow["tasks"]
        if task is not upgrade
    ]
    assert set(others) == {1}
    assert outcome(site) == expected
    assert [site.begun(f"restart-{host}") for host in site.hosts] == [1, 1]
    assert site.begun("db-manage") == 2
    _assert_defined_once(mariadb.statements(mark))


def _assert_defined_once(statements: list[str]) -> None:
    """The server's own log: no account, database or grant was made twice."""
    made = [
        text
        for text in statements
        if _DEFINITIONS.match(text)
        and re.search("USER|GRANT|DATABASE", text)
        # The engine's own database is the test's.
        and "amphv2_engine" not in text
    ]
    assert len(made) == len(set(made)) == 5, made
