# SPDX-License-Identifier: Apache-2.0
"""A host as kolla-ansible makes it: real containers, and an octavia.conf for each.

Octavia is in no Python of the host. The page of the documentation is what is tried.
Source: kolla-ansible's role octavia, its templates and tasks/config.yml.
"""

import configparser
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from amphv2_bootstrap.adapters.octavia import conf_file
from tests.functional.deployment_page import Page, octavia_conf, places
from tests.functional.site import PASSWORD
from tests.servers.debian import Debian
from tests.servers.mariadb import MariaDB
from tests.servers.podman import Podman, python_home, running_podman
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer, Sentinels

SERVICES = ("worker", "health-manager", "housekeeping", "api")

# As kolla_start: copy the host's file, then start a service, which loads it.
_START = """\
[ ! -e /var/lib/kolla/config_files/broken ] || exit 1
mkdir -p /etc/octavia && cp /var/lib/kolla/config_files/octavia.conf /etc/octavia/
exec python3 -c '
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
from octavia.common import config
config.init(["--config-file", "/etc/octavia/octavia.conf"])
time.sleep(800)'
"""


@dataclass
class KollaHost:
    """The controller; ``image`` are folders here by their places in the image."""

    page: Page
    podman: Podman
    mariadb: MariaDB
    image: Mapping[Path, str]

    def files(self) -> list[Path]:
        """The octavia.conf of each service."""
        kolla = self.page.folder / "kolla"
        return [kolla / f"octavia-{name}/octavia.conf" for name in SERVICES]

    def start(self, first: Path) -> None:
        """Start all containers; Python there looks into the folder ``first`` first."""
        seen = {**self.image, first: str(first)}
        folders = [f"{place}/bin" for place in self.image.values()]
        variables = {
            "PATH": ":".join([*folders, "/usr/bin", "/bin"]),
            "PYTHONPATH": str(first),
        }
        for file in self.files():
            name = file.parent.name.replace("-", "_")
            mounts = {**seen, file.parent: "/var/lib/kolla/config_files"}
            self.podman.start(name, ("sh", "-c", _START), mounts, variables)

    def starts(self) -> list[str]:
        """When each container was started."""
        names = [f"octavia_{name.replace('-', '_')}" for name in SERVICES]
        state = ("inspect", "--format={{.State.StartedAt}} {{.State.Running}}", *names)
        found = self.podman.call(*state).splitlines()
        assert all(line.endswith("true") for line in found), found
        return found

    def deploy(self, *overrides: str) -> None:
        """Write the files as kolla-ansible does: its template, then the overrides."""
        merged = configparser.ConfigParser(strict=False, interpolation=None)
        merged.read_string("\n".join(overrides))
        text = octavia_conf(self.mariadb)
        for section in merged.sections():
            text = conf_file.set_options(text, section, dict(merged[section]))
        for file in self.files():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)


@pytest.fixture
def host(
    tmp_path: Path, mariadb: MariaDB, octavia_venv: Path, redis_sentinels: Sentinels
) -> Iterator[KollaHost]:
    """All services run, with what kolla-ansible writes without a jobboard."""
    sentinel = redis_sentinels.sentinels[0]
    changes = {
        "192.0.2.11, 192.0.2.12, 192.0.2.13": sentinel.host,
        "192.0.2.11,192.0.2.12,192.0.2.13": sentinel.host,
        "jobboard_backend_port = 26379": f"jobboard_backend_port = {sentinel.port}",
        "REDIS_PASSWORD": redis_sentinels.password.replace("$", "$$"),
        "{{ redis_master_password }}": redis_sentinels.password.replace("$", "$$"),
        "jobboard_redis_sentinel = kolla": (
            f"jobboard_redis_sentinel = {redis_sentinels.name}\n"
            "jobboard_redis_sentinel_password = "
            + redis_sentinels.sentinel_password.replace("$", "$$")
        ),
    }
    image = {path: str(path) for path in (octavia_venv, python_home())}
    with _running(tmp_path, mariadb, image, changes) as found:
        yield found


@contextlib.contextmanager
def _running(
    folder: Path,
    mariadb: MariaDB,
    image: Mapping[Path, str],
    changes: Mapping[str, str],
) -> Iterator[KollaHost]:
    kolla = {**places(mariadb), "/etc/kolla": f"{folder}/kolla", **changes}
    page = Page("kolla-ansible", folder, kolla)
    with running_podman(folder, "docker") as podman:
        found = KollaHost(page, podman, mariadb, image)
        found.deploy()
        (folder / "first").mkdir()
        found.start(folder / "first")
        page.configure(f"state_path = {folder}/state")
        yield found


@pytest.fixture
def packaged_host(
    tmp_path: Path, mariadb: MariaDB, redis_server: RedisServer
) -> Iterator[KollaHost]:
    """The same with Debian's packages in the image, and with one Redis.

    As the page says of Octavia before 14.
    """
    (tmp_path / "debian").mkdir()
    debian = Debian(tmp_path / "debian")
    build = "apt-get install --yes python3-redis && cp --archive /usr /image"
    assert debian.run("sh", "-ec", build).returncode == 0
    changes = {
        "192.0.2.11, 192.0.2.12, 192.0.2.13": redis_server.host,
        "jobboard_backend_port = 26379": f"jobboard_backend_port = {redis_server.port}",
        "REDIS_PASSWORD": redis_server.password.replace("$", "$$"),
        "jobboard_redis_sentinel = kolla\n": "",
    }
    image = {debian.path("image"): "/usr"}
    with _running(tmp_path, mariadb, image, changes) as found:
        yield found


def _overrides(host: KollaHost) -> str:
    """The page's file for kolla-ansible, with the values of its variables."""
    found = host.page.file("/etc/kolla/config/octavia.conf")
    account = "octavia:" + quote(PASSWORD, safe="")
    server = f"{host.mariadb.host}:{host.mariadb.port}"
    return found.replace(
        "{{ octavia_database_user }}:{{ octavia_database_password }}", account
    ).replace("{{ octavia_database_address }}", server)


@pytest.mark.timeout(1200)
def test_the_page(host: KollaHost) -> None:
    """A host is bootstrapped and proven as the page says; a second run changes nothing.

    The next run of kolla-ansible keeps the options.
    """
    before = host.starts()
    prepare, plan, run, verify, _ = host.page.commands()[:5]
    host.page.type(prepare)
    host.page.type(plan)
    printed = host.page.type(run)
    assert "sent a job through redis" in printed
    assert "NOT PROVEN" not in printed
    after = host.starts()
    assert not set(before) & set(after)
    assert all(b"jobboard_enabled = True" in file.read_bytes() for file in host.files())
    written = [file.stat().st_ino for file in host.files()]
    host.page.type(run)
    assert [file.stat().st_ino for file in host.files()] == written
    host.deploy(_overrides(host))
    assert PASSWORD not in host.page.type(verify)
    assert host.starts() == after


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_drill_of_the_page(host: KollaHost) -> None:
    """One of two conductors in the container is killed, and the other goes on.

    A drill that is killed itself leaves no program in the container.
    """
    prepare, _, run, _, drill = host.page.commands()[:5]
    host.page.type(prepare)
    host.page.type(run)
    assert "another one resumed it after" in host.page.type(drill)
    service = host.podman.programs("octavia_worker")
    process = subprocess.Popen(
        [str(host.page.folder / "bin/amphv2-bootstrap"), *drill.split()[1:]],
        start_new_session=True,
        env={**os.environ, "PATH": f"{host.page.folder}/bin:{os.environ['PATH']}"},
    )
    wait_until(
        lambda: (
            sum("drill" in one for one in host.podman.programs("octavia_worker")) > 2
        ),
        what="two conductors run in the container",
        timeout=300,
    )
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(
        lambda: host.podman.programs("octavia_worker") == service,
        what="all of them have ended",
        timeout=120,
        state=lambda: host.podman.programs("octavia_worker"),
    )


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_debians_packages_in_containers(packaged_host: KollaHost) -> None:
    """Octavia 11 with a taskflow that has no migrations: bootstrapped and drilled."""
    host = packaged_host
    prepare, plan, run, verify, drill = host.page.commands()[:5]
    host.page.type(prepare)
    host.page.type(plan)
    printed = host.page.type(run)
    assert "taskflow 5.0.0 has no migrations" in printed
    assert "sent a job through redis" in printed
    assert "NOT PROVEN" not in printed
    after = host.starts()
    assert PASSWORD not in host.page.type(verify)
    assert "another one resumed it after" in host.page.type(drill)
    assert host.starts() == after


@pytest.mark.timeout(600)
def test_an_option_that_the_containers_release_lacks(host: KollaHost) -> None:
    """It is refused before anything is made: no file, no database, no restart."""
    older = host.page.folder / "first/octavia-11.0.0.dist-info"
    older.mkdir()
    (older / "METADATA").write_text("Name: octavia\nVersion: 11.0.0\n")
    before, databases = host.starts(), host.mariadb.execute("SHOW DATABASES")
    host.page.type("amphv2-bootstrap db upgrade")
    printed = host.page.type("amphv2-bootstrap run", 1)
    assert "Octavia 11 on controller1 has no option jobboard_redis_sentinel" in printed
    written = [octavia_conf(host.mariadb)] * len(SERVICES)
    assert [file.read_bytes() for file in host.files()] == written
    assert host.mariadb.execute("SHOW DATABASES") == databases
    assert host.starts() == before


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_service_that_does_not_start_again(host: KollaHost) -> None:
    """The job fails and names the container; when it can start, the job goes on."""
    host.page.type("amphv2-bootstrap db upgrade")
    broken = host.files()[2].with_name("broken")
    broken.touch()
    printed = host.page.type("amphv2-bootstrap run", 1)
    assert "(octavia_housekeeping): the container does not stay up" in printed
    broken.unlink()
    assert "sent a job through redis" in host.page.type("amphv2-bootstrap run")
    host.starts()
