# SPDX-License-Identifier: Apache-2.0
"""The conductor that runs a flow is killed; another one finishes it."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.functional.site import MakeSite, Site, steps
from tests.servers.mariadb import MariaDB

BOARDS = ("sql", "redis", "zookeeper", "etcd")
_DEFINITIONS = re.compile(r"^\s*(CREATE|ALTER|DROP|GRANT|REVOKE|SET PASSWORD)\b", re.I)


def outcome(site: Site) -> dict[str, Any]:
    """All that a job leaves in the cloud, for a comparison."""
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


@pytest.fixture(scope="module")
def outcomes() -> list[Mapping[str, Any]]:
    """What the first test found: the engine's board doesn't show in it."""
    return []


@pytest.fixture
def undisturbed(
    outcomes: list[Mapping[str, Any]], make_site: MakeSite, mariadb: MariaDB
) -> Mapping[str, Any]:
    """What a job without faults leaves; the server is clean again."""
    if not outcomes:
        site = make_site()
        site.start_conductors()
        done = site.cli("post-job", "--wait")
        assert done.returncode == 0, done.stderr
        outcomes.append(outcome(site))
        site.stop()
        mariadb.clean()
    return outcomes[0]


@pytest.mark.parametrize("board", BOARDS)
def test_another_host_finishes_when_the_holder_is_killed(
    board: str,
    make_site: MakeSite,
    mariadb: MariaDB,
    undisturbed: Mapping[str, Any],
) -> None:
    """After SIGKILL in a step only that step is repeated, with the same result."""
    mark = mariadb.mark()
    site = make_site(board=board, engine="mariadb", apart=True)
    site.gate("db-manage").touch()
    site.start_conductors()
    assert site.cli("post-job").returncode == 0
    site.wait_until_begun("db-manage")
    holder = str(site.holder())
    site.kill(holder)
    site.gate("db-manage").unlink()
    other = next(host for host in site.hosts if host != holder)
    site.wait_until(
        lambda: steps(site.show(), "controller", other)[-1]["state"] == "SUCCESS",
        "the other host has done all except the dead host's own flow",
    )
    site.wait_for_state("waiting")  # the dead host's own flow, until it is back

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
    assert outcome(site) == undisturbed
    assert [site.begun(f"restart-{host}") for host in site.hosts] == [1, 1]
    assert site.begun("db-manage") == 2
    _assert_defined_once(mariadb.statements(mark))


def _assert_defined_once(statements: list[str]) -> None:
    """By the server's log, no account, database or grant was made twice."""
    made = [
        text
        for text in statements
        if _DEFINITIONS.match(text)
        and re.search("USER|GRANT|DATABASE", text)
        # The test itself makes the engine's database.
        and "amphv2_engine" not in text
    ]
    assert len(made) == len(set(made)) == 5, made
