# SPDX-License-Identifier: Apache-2.0
"""A second post or run changes nothing that is done already."""

import json
import subprocess
from pathlib import Path

from tests.functional.canary_cloud import persistence_rows
from tests.functional.canary_ledger import foreign_writes
from tests.functional.site import MakeSite, Site
from tests.servers.mariadb import MariaDB


def _identity(path: Path) -> tuple[object, ...]:
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_mode, path.read_bytes()


def _files(site: Site) -> dict[str, tuple[object, ...]]:
    """Every octavia.conf, and the files beside it with its name."""
    return {
        str(path): _identity(path)
        for host in site.hosts
        for path in site.octavia_conf(host).parent.glob("octavia.conf*")
    }


def test_posting_on_a_finished_cloud_changes_nothing(
    make_site: MakeSite, mariadb: MariaDB
) -> None:
    """A second job changes no file, runs no program, and writes no row of others.

    The rows of its canary are deleted again.
    """
    site = make_site()
    site.start_conductors()
    first = site.cli("post-job", "--wait", "-f", "json")
    assert first.returncode == 0, first.stderr
    files, ledger, mark = _files(site), site.ledger, mariadb.mark()

    second = site.cli("post-job", "--wait", "-f", "json")
    assert second.returncode == 0, second.stderr
    assert json.loads(first.stdout)["id"] != json.loads(second.stdout)["id"]
    outcomes = {
        task["outcome"] for flow in site.show()["flows"] for task in flow["tasks"]
    }
    assert outcomes <= {"unchanged", "not-applicable"}
    statements = mariadb.statements(mark)
    assert statements, "the ledger saw nothing at all"
    assert foreign_writes(statements) == []
    assert persistence_rows(mariadb) == 0
    assert _files(site) == files
    assert site.ledger == ledger


def test_posting_again_while_unfinished_gives_the_same_job(
    make_site: MakeSite,
) -> None:
    """A second post gives the same job; another configuration is a conflict."""
    site = make_site()
    first = json.loads(site.cli("post-job", "-f", "json").stdout)
    second = json.loads(site.cli("post-job", "-f", "json", host="ctl2").stdout)
    assert (first["id"], first["new"]) == (second["id"], True)
    assert second["new"] is False
    assert len(site.show()["flows"]) == 3
    other = site.cli("post-job", "--on-failure", "revert")
    assert other.returncode == 0
    assert "was posted with --on-failure park, and keeps it" in other.stderr
    assert site.show()["on_failure"] == "park"

    other = site.cli("post-job", "--controllers", "ctl2")
    assert other.returncode == 1
    assert "another configuration is unfinished" in other.stderr
    assert site.cli("job", "cancel", first["id"]).returncode == 0
    third = json.loads(
        site.cli("post-job", "--controllers", "ctl2", "-f", "json").stdout
    )
    assert third["new"] is True


def test_waiting_ends_after_the_timeout(make_site: MakeSite) -> None:
    """The exit code is 3 if the job is not done in time; the job stays posted."""
    site = make_site()
    done = site.cli("post-job", "--wait", "--timeout", "0.5")
    assert done.returncode == 3, done.stderr
    assert site.show()["state"] == "ready"


def test_run_resumes_where_it_was_killed(make_site: MakeSite) -> None:
    """After SIGKILL in a step, a second ``run`` repeats only that step."""
    site = make_site(hosts=("ctl1",))
    site.gate("db-manage").touch()
    first = subprocess.Popen(
        site.command("ctl1", "run"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    site.wait_until_begun("db-manage")
    first.kill()
    first.wait()
    site.gate("db-manage").unlink()
    second = site.cli("run")
    assert second.returncode == 0, second.stderr
    report = site.show()
    assert report["state"] == "done"
    runs = {task["name"]: task["runs"] for f in report["flows"] for task in f["tasks"]}
    assert runs.pop("upgrade-persistence-schema") == 2
    assert set(runs.values()) == {1}
