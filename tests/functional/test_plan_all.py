# SPDX-License-Identifier: Apache-2.0
"""``plan --all``: each host of a mixed cloud says what the job then does there."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from amphv2_bootstrap.adapters.octavia import conf_file
from amphv2_bootstrap.engine.description.state import state_of
from amphv2_bootstrap.engine.storage import schema
from amphv2_bootstrap.engine.storage.control import draining
from amphv2_bootstrap.engine.storage.journal import Journal
from amphv2_bootstrap.spec.masking import Masker
from tests.functional.canary_cloud import redis_keys
from tests.functional.plan_cloud import shown, stamps, statements
from tests.functional.site import PASSWORD
from tests.functional.verify_cloud import Cloud, redis_cloud
from tests.patched import patched
from tests.servers.mariadb import MariaDB

HOSTS = ("ctl1", "ctl2", "ctl3")
DONE, FRESH, CHANGED = HOSTS


@dataclass(frozen=True)
class Plan:
    """An answer of ``plan --all``."""

    code: int
    rows: list[dict[str, Any]]
    said: str

    def of(self, host: str | None) -> dict[str, dict[str, Any]]:
        """The steps of a host's own flow, or of the cloud's, by name."""
        return {row["step"]: row for row in self.rows if row["host"] == host}

    def changes(self, host: str | None, kind: str) -> list[str]:
        """The texts of all changes of a kind, in their order."""
        found = [one for row in self.of(host).values() for one in row["changes"]]
        return [one["text"] for one in found if one["kind"] == kind]


@pytest.fixture(scope="module")
def cloud(
    tmp_path_factory: pytest.TempPathFactory, mariadb_server: MariaDB, octavia_bin: Path
) -> Iterator[Cloud]:
    """One host is done, one fresh, and one was changed by hand; conductors run."""
    folder = tmp_path_factory.mktemp("plan-all")
    with redis_cloud(folder, mariadb_server, octavia_bin, hosts=HOSTS) as found:
        site, at_once = found.site, {"octavia": {"controllers_at_once": "0"}}
        for host in HOSTS:
            site.write_configuration(host, at_once)
        site.start_conductors()
        done = site.cli("post-job", "--wait", "--controllers", DONE)
        assert done.returncode == 0, done.stdout + done.stderr
        ready, by_hand = site.octavia_conf(DONE), {"jobboard_enabled": "False"}
        changed = conf_file.set_options(ready.read_bytes(), "task_flow", by_hand)
        site.octavia_conf(CHANGED).write_bytes(changed)
        yield found


def plan_all(cloud: Cloud, *arguments: str) -> Plan:
    """Run it; nothing may be changed anywhere, and no secret shown."""
    site, mark, before = cloud.site, cloud.site.mariadb.mark(), _things(cloud)
    done = site.cli("plan", "--all", "-f", "json", *arguments, host=DONE, timeout=240)
    assert done.stdout, done.stderr
    assert statements(cloud, mark) == []
    assert _things(cloud) == before
    for secret in (PASSWORD, site.mariadb.root_password, cloud.server.password):
        assert secret not in done.stdout + done.stderr
    return Plan(done.returncode, json.loads(done.stdout), done.stderr)


def _things(cloud: Cloud) -> dict[str, Any]:
    """The files of all hosts, the keys of Redis, and what operators see of jobs."""
    store, keys = cloud.site.store, redis_keys(cloud.server)
    seen = [store.jobs(), store.unfinished(), state_of(store).flows]
    return {**stamps(cloud.site.folder), "keys": keys, "seen": seen}


def test_what_each_host_said_is_done_there(cloud: Cloud) -> None:
    """Host by host: file by file, restart by restart, statement by statement."""
    site, masker = cloud.site, Masker([PASSWORD, cloud.server.password])
    planned = plan_all(cloud)
    assert planned.code == 4, planned
    assert [row["state"] for row in planned.rows].count("unanswered") == 0
    assert not any(row["changes"] for row in planned.of(DONE).values())
    assert "+jobboard_backend_password = ***" in planned.changes(FRESH, "file")[0]
    assert "-jobboard_enabled = False" in planned.changes(CHANGED, "file")[0]

    before = {host: site.octavia_conf(host).read_bytes() for host in HOSTS}
    begun = {host: site.begun(f"restart-{host}") for host in HOSTS}
    mark = site.mariadb.mark()
    done = site.cli("post-job", "--wait", timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    for host in HOSTS:
        after = site.octavia_conf(host).read_bytes()
        diffs = planned.changes(host, "file")
        old = shown(before[host], masker)
        assert shown(after, masker) == (patched(old, *diffs) if diffs else old)
        restarts = site.begun(f"restart-{host}") - begun[host]
        assert restarts == len(planned.changes(host, "restart"))
    assert statements(cloud, mark) == planned.changes(None, "sql") == []
    _compare(planned, site.show())
    again = plan_all(cloud)
    assert again.code == 0, again


def _compare(planned: Plan, report: Mapping[str, Any]) -> None:
    """Each step did something where it was said, and nothing elsewhere."""
    for flow in report["flows"]:
        rows = planned.of(flow["host"])
        for task in flow["tasks"]:
            is_changed = task["outcome"] == "changed"
            row = rows[task["name"]]
            assert is_changed == (row["state"] == "changes"), (row, task)


def test_who_does_not_answer_is_said_and_why(cloud: Cloud) -> None:
    """One host's conductor is dead, one is drained; the others' answers are shown."""
    site = cloud.site
    site.kill(FRESH)
    journal = Journal(site.store.database, "tester")
    draining.drain(journal, CHANGED, "tester")
    planned = plan_all(cloud)
    assert planned.code == 1
    why = {host: _why(planned, host) for host in (FRESH, CHANGED)}
    assert f"a conductor on {FRESH}" in why[FRESH], why
    assert f"conductor undrain {CHANGED}" in why[CHANGED], why
    states = {row["state"] for row in planned.of(DONE).values()}
    assert states <= {"unchanged", "unseen"}
    assert site.store.live_flow_runs() == []
    assert _entries(cloud) == []
    draining.undrain(journal, CHANGED, "tester")
    site.start_conductor(FRESH)


_OLDER = """
import sys
from amphv2_bootstrap.engine.execution import registry
load = registry._load
registry._load = lambda name: load("none" if name.startswith("plan-") else name)
from amphv2_bootstrap.cmd.daemon import main
sys.argv[1:] = ["--config-file", sys.argv[1]]
sys.exit(main())
"""


def test_an_older_conductor_is_said_to_be_one(cloud: Cloud) -> None:
    """It doesn't know these flows, and leaves them."""
    site = cloud.site
    site.kill(FRESH)
    config = str(site.folder / FRESH / "amphv2-bootstrap.conf")
    with site.log(FRESH).open("ab") as log:
        site.conductors[FRESH] = subprocess.Popen(
            [sys.executable, "-c", _OLDER, config],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    planned = plan_all(cloud)
    assert planned.code == 1
    why = _why(planned, FRESH)
    assert f"{FRESH} refuses" in why
    assert "no flow of this name is registered on this host" in why
    assert _entries(cloud) == []


def _why(planned: Plan, host: str) -> str:
    """Why nobody has looked at a host's steps."""
    (why,) = {(row["state"], row["unseen"]) for row in planned.of(host).values()}
    assert why[0] == "unanswered"
    return str(why[1])


def _entries(cloud: Cloud) -> list[Any]:
    """What is on the board."""
    with cloud.site.store.database.read() as connection:
        return list(connection.execute(sa.select(schema.board_entries)))
