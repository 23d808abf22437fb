# SPDX-License-Identifier: Apache-2.0
"""``plan``, then ``post-job``, on different clouds: what was said was done."""

import contextlib
import os
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from amphv2_bootstrap.spec.masking import Masker
from tests.functional import test_verify as sabotages
from tests.functional.plan_cloud import Done, Planned, broken, compare, plan, post
from tests.functional.site import PASSWORD
from tests.functional.verify_cloud import Cloud, redis_cloud, set_option
from tests.servers.mariadb import MariaDB

SEED = os.environ.get("AMPHV2_PLAN_SEED", secrets.token_hex(4))
_QUICK = (
    "account dropped",
    "section misspelt",
    "wrong password of the account for other hosts",
    "wrong password of the account in use",
    "no grant for other hosts",
    "column dropped",
    "Redis evicts",
    "a line that can't be parsed",
)
_SLOW = (
    "one privilege missing",
    "schema of no revision",
    "half-applied schema",
    "rows can't be deleted",
    "table missing",
    "revision behind",
    "revision of a newer taskflow",
    "no database",
    "database server read-only",
    "wrong port of the database",
    "wrong port of Redis",
    "wrong host of Redis",
    "TLS expected",
    "password of Redis with an unescaped $",
    "another namespace",
    "jobboard disabled",
    "expiration time with a unit",
    "no such driver",
    "persistence_connection misspelt",
)
_SABOTAGES = {case.name: case.breaking for case in sabotages._CASES}


@dataclass
class Planning:
    """A cloud with a conductor, and what its first job was to do and did."""

    cloud: Cloud
    masker: Masker
    planned: Planned
    done: Done


@pytest.fixture(scope="module")
def planning(
    tmp_path_factory: pytest.TempPathFactory, mariadb_server: MariaDB, octavia_bin: Path
) -> Iterator[Planning]:
    """An empty cloud is planned and bootstrapped; each case then breaks one thing."""
    folder = tmp_path_factory.mktemp("plan")
    with redis_cloud(folder, mariadb_server, octavia_bin, hosts=("ctl1",)) as cloud:
        site = cloud.site
        # What is wrong for good, but looks as if it might pass, is not tried long.
        site.write_configuration(
            "ctl1", {"conductor": {"step_retry_max_elapsed": "10"}}
        )
        assert site.cli("db", "upgrade").returncode == 0
        planned = plan(cloud)
        site.start_conductors()
        masker = Masker([PASSWORD, cloud.server.password or ""])
        yield Planning(cloud, masker, planned, post(cloud))


def test_an_empty_cloud(planning: Planning) -> None:
    """All that the first job did was planned, in this order; then nothing is left."""
    planned = planning.planned
    assert planned.code == 4, planned
    compare(planned, planning.done, planning.masker)
    assert [text.partition(" ")[0] for text in planned.texts("sql")] == [
        "CREATE",
        *("CREATE", "GRANT") * 2,
    ]
    assert "isn't there yet" in planned.rows["upgrade-persistence-schema"]["unseen"]
    assert "+jobboard_backend_password = ***" in planned.texts("file")[0]
    again = plan(planning.cloud)
    assert again.code == 0, again
    assert not any(row["changes"] for row in again.rows.values())


def test_what_was_planned_is_done(planning: Planning) -> None:
    """Where no account is there, and schema and octavia.conf are broken, too."""
    cloud = planning.cloud
    with contextlib.ExitStack() as stack:
        for name in ("half-applied schema", "section misspelt"):
            stack.enter_context(broken(cloud, _SABOTAGES[name]))
        for account in ("octavia@localhost", "octavia@'%'"):
            cloud.sql(f"DROP USER {account}")
        planned = plan(cloud)
        compare(planned, post(cloud), planning.masker)
    kinds = {text.split()[0] for text in planned.texts("sql")}
    assert kinds == {"CREATE", "GRANT", "DROP"}  # the tables have no row
    assert "+[task_flow]" in planned.texts("file")[0]


def test_three_broken_things(planning: Planning) -> None:
    """Of those that take a few seconds, chosen by the seed that is printed."""
    print(f"AMPHV2_PLAN_SEED={SEED}")
    for name in random.Random(SEED).sample(_QUICK, 3):
        print(name)
        _plan_and_post(planning, name)


@pytest.mark.long
@pytest.mark.timeout(600)  # each attempt to reach Redis by TLS takes over a minute
@pytest.mark.parametrize("name", [*_QUICK, *_SLOW])
def test_one_broken_thing(name: str, planning: Planning) -> None:
    """It is repaired as planned, or refused as said, and nothing else is done."""
    _plan_and_post(planning, name)


def _plan_and_post(planning: Planning, name: str) -> None:
    cloud = planning.cloud
    with broken(cloud, _SABOTAGES[name]):
        planned = plan(cloud)
        compare(planned, post(cloud), planning.masker)


def test_a_server_that_is_away_hides_no_other_step(planning: Planning) -> None:
    """Its steps have a problem; octavia.conf is still compared."""
    cloud = planning.cloud
    disabled = set_option("jobboard_enabled", "False")
    with broken(cloud, disabled), broken(cloud, _SABOTAGES["Redis down"]):
        planned = plan(cloud)
    assert planned.code == 1
    assert set(planned.problems) == {"check-prerequisites", "ensure-key-value-backend"}
    assert "refused" in planned.problems["ensure-key-value-backend"]
    assert "-jobboard_enabled = False\n+jobboard_enabled = True" in "".join(
        planned.texts("file")
    )
