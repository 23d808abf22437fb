# SPDX-License-Identifier: Apache-2.0
"""A host with Octavia in containers only, and an octavia.conf for each service.

Source: kolla-ansible's role octavia, tasks/config.yml.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.canary_cloud import redis_keys
from tests.functional.site import PASSWORD, MakeSite, Site, steps
from tests.servers import container
from tests.servers.redis import RedisServer

SERVICES = ("worker", "health-manager", "housekeeping")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The files on the host; the containers have copies, made when they start."""
    return [tmp_path / "kolla" / f"octavia-{name}/octavia.conf" for name in SERVICES]


@pytest.fixture
def site(make_site: MakeSite, tmp_path: Path, files: list[Path]) -> Iterator[Site]:
    """One controller; Octavia's Python is reached by ``docker exec`` only."""
    site = make_site(hosts=("ctl1",))
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_bytes(site.octavia_conf("ctl1").read_bytes())
    state = site.folder / "ctl1" / "state"
    state.mkdir(mode=0o700)
    python = str(Path(site.db_manage).with_name("python"))
    home = tmp_path / "docker"
    home.mkdir()
    docker = container.install(home, [tmp_path / "kolla", state], python)
    octavia = {
        "config_file": "\nconfig_file = ".join(map(str, files)),
        "python": "",
        "db_manage_command": (
            f"{docker} exec --user root octavia_worker octavia-db-manage"
        ),
    }
    site.write_configuration("ctl1", {"octavia": octavia})
    yield site
    calls = (home / "calls").read_text()
    assert PASSWORD not in calls
    assert "amphv2_programs" in calls


def test_all_files_are_written_and_proven_in_the_container(
    site: Site, files: list[Path], redis_server: RedisServer
) -> None:
    """``run`` and ``verify`` end with 0; a second run changes nothing."""
    done = site.cli("run")
    assert done.returncode == 0, done.stderr
    for file in files:
        assert "jobboard_enabled = True" in file.read_text()
    tasks = {task["name"]: task for task in steps(site.show(), "controller", "ctl1")}
    assert "sent a job through redis" in str(tasks["prove-controller"])
    assert "NOT PROVEN" not in json.dumps(site.show())
    keys = redis_keys(redis_server)
    verified = site.cli("verify", "-f", "json")
    assert verified.returncode == 0, verified.stdout
    assert "isn't on this host" not in verified.stdout
    assert redis_keys(redis_server) == keys
    before = [file.stat().st_ino for file in files]
    again = site.cli("run")
    assert again.returncode == 0, again.stderr
    assert [file.stat().st_ino for file in files] == before
    assert site.begun("restart-ctl1") == 1
