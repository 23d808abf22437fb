# SPDX-License-Identifier: Apache-2.0
"""The pages for pip and openstack-ansible, typed on a host of a test.

Source: openstack-ansible-os_octavia, defaults/main.yml, tasks/octavia_post_install.yml.
"""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from amphv2_bootstrap.adapters.octavia import conf_file
from tests.functional.deployment_page import Page, octavia_conf, places
from tests.functional.site import PASSWORD
from tests.servers.mariadb import MariaDB
from tests.servers.podman import python_home, running_podman
from tests.servers.redis import RedisServer

_LXC = "controller1_octavia_server_container-1a2b3c4d"


def _page(name: str, folder: Path, mariadb: MariaDB, redis: RedisServer) -> Page:
    password = (redis.password or "").replace("$", "$$")
    (folder / "etc").mkdir()
    (folder / "etc/octavia.conf").write_bytes(octavia_conf(mariadb))
    changes = {
        **places(mariadb),
        "/etc/octavia/octavia.conf": f"{folder}/etc/octavia.conf",
        "= 192.0.2.10": f"= {redis.host}\njobboard_backend_port = {redis.port}",
        "REDIS_PASSWORD": password,
    }
    return Page(name, folder, changes)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "venv"),
    [
        pytest.param("pip", "/opt/octavia", marks=pytest.mark.long),
        ("openstack-ansible", "/openstack/venvs/octavia-VERSION"),
    ],
)
def test_octavia_on_the_host(
    name: str,
    venv: str,
    tmp_path: Path,
    mariadb: MariaDB,
    redis_server: RedisServer,
    octavia_venv: Path,
) -> None:
    """All of the page's commands succeed, and the jobboard is proven.

    openstack-ansible's next run keeps the options.
    """
    page = _page(name, tmp_path, mariadb, redis_server)
    page.changes = {**page.changes, venv: str(octavia_venv)}
    page.configure(f"state_path = {tmp_path}/state")
    *commands, verify = page.commands()
    printed = [page.type(command) for command in commands]
    assert "sent a job through redis" in "".join(printed)
    if name == "openstack-ansible":
        conf = tmp_path / "etc/octavia.conf"
        written = conf.stat().st_ino
        conf.write_bytes(_overridden(page, mariadb, redis_server))
        page.type("amphv2-bootstrap run")
        assert conf.stat().st_ino == written
    assert PASSWORD not in page.type(verify)


def _overridden(page: Page, mariadb: MariaDB, redis: RedisServer) -> bytes:
    """openstack-ansible's template with the overrides of the page."""
    text = page.file("/etc/openstack_deploy/user_variables.yml")
    values = {
        "octavia_galera_user": "octavia",
        "octavia_container_mysql_password": quote(PASSWORD, safe=""),
        "octavia_galera_address": f"{mariadb.host}:{mariadb.port}",
        "octavia_redis_password": (redis.password or "").replace("$", "$$"),
    }
    text = text.replace("192.0.2.10", redis.host)
    text = text.replace("jobboard_expiration_time: 100", "jobboard_expiration_time: 5")
    text = re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], text)
    lines = text.partition("  task_flow:\n")[2].splitlines()
    pairs = [line.strip().partition(": ") for line in lines]
    options = {name: value.strip('"') for name, _, value in pairs if name}
    options["jobboard_backend_port"] = str(redis.port)
    return conf_file.set_options(octavia_conf(mariadb), "task_flow", options)


@pytest.mark.timeout(900)
def test_octavia_in_lxc(
    tmp_path: Path, mariadb: MariaDB, redis_server: RedisServer, octavia_venv: Path
) -> None:
    """From the host of the container, by ``lxc-attach``; podman stands for LXC."""
    page = _page("openstack-ansible", tmp_path, mariadb, redis_server)
    with running_podman(tmp_path) as podman:
        seen = {each: str(each) for each in (octavia_venv, python_home())}
        root = podman.start(_LXC, ("sleep", "800"), seen, {"PATH": "/own:/usr/bin"})
        _attach(tmp_path, root, mariadb)
        del page.changes["/etc/octavia/octavia.conf"]
        page.changes |= {
            f"/var/lib/lxc/{_LXC}/rootfs": str(root),
            "/openstack/venvs/octavia-VERSION": str(octavia_venv),
        }
        page.configure(f"state_path = {tmp_path}/state", with_second=True)
        *commands, verify = page.commands()
        printed = "".join(page.type(command) for command in commands)
        assert "sent a job through redis" in printed
        assert "restart octavia-api" in (root / "restarted").read_text()
        assert (
            "jobboard_enabled = True" in (root / "etc/octavia/octavia.conf").read_text()
        )
        page.type(verify)


def _attach(folder: Path, root: Path, mariadb: MariaDB) -> None:
    """Write ``lxc-attach``, and what the container has of systemd and of Octavia."""
    attach = folder / "bin/lxc-attach"
    attach.write_text('#!/bin/sh\nname=$2; shift 3\nexec podman exec -i "$name" "$@"\n')
    systemctl = root / "own/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text('#!/bin/sh\necho "$*" >> /restarted\n')
    for program in (attach, systemctl):
        program.chmod(0o755)
    (root / "etc/octavia").mkdir()
    (root / "etc/octavia/octavia.conf").write_bytes(octavia_conf(mariadb))
