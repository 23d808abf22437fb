# SPDX-License-Identifier: Apache-2.0
"""Setting up Redis and ZooKeeper from the distribution's stock configuration."""

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.adapters.host.packages import Family
from amphv2_bootstrap.adapters.install.server_setup import Layout
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.model import HostSettings, Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import CHANGED, UNCHANGED, Context
from amphv2_bootstrap.steps.key_value_host.install_key_value_host import (
    InstallKeyValueHost,
)
from tests import DATA
from tests.servers.process import Server, binary, free_port
from tests.servers.redis import running_redis
from tests.servers.zookeeper import JAR

check = partial(key_value.check, timeout=60.0)  # for slow machines
LOOPBACK = "127.0.0.1"
PASSWORD = "in'st\"all\\ed p@ss:w/rd#%$é"
SECRETS = Secrets({"jobboard_backend_password": PASSWORD})


def stock(path: str, package: str) -> Path:
    """A configuration file as the distribution ships it.

    Only root and the service may read redis.conf: other users get a copy of it.
    """
    if os.access(path, os.R_OK):
        return Path(path)
    binary(package)  # skips, or fails in CI
    copy = DATA / Path(path).name
    if not copy.exists():
        pytest.skip(f"{path} is not there")
    return copy


@dataclass
class FakePackages:
    """A fake dpkg: installing writes the stock file."""

    stock: Path
    layout: Layout
    there: set[str] = field(default_factory=set)
    family: Family = "debian"

    @property
    def content(self) -> bytes:
        """The stock file with a data folder that this user may write to."""
        folder = os.fsencode(self.layout.data_folder)
        return self.stock.read_bytes().replace(b"/var/lib/redis", folder)

    def installed(self, package: str) -> bool:
        return package in self.there

    def install(self, packages: Sequence[str]) -> None:
        self.layout.config_file.parent.mkdir(parents=True, exist_ok=True)
        self.layout.data_folder.mkdir(exist_ok=True)
        self.layout.config_file.write_bytes(self.content)
        self.layout.config_file.chmod(0o640)
        self.there.update(packages)


class Crash(BaseException):
    """The process dies here."""


@dataclass
class FakeServices:
    """A fake systemd that starts the real server."""

    start: Callable[[], Server]
    crash: bool = False
    running: bool = True
    enabled: list[str] = field(default_factory=list)
    restarts: int = 0
    server: Server | None = None

    def available(self) -> bool:
        return self.running

    def is_active(self, unit: str) -> bool:
        return self.server is not None

    def enable(self, unit: str) -> None:
        self.enabled.append(unit)

    def restart(
        self, units: Sequence[str], cancelled: threading.Event | None = None
    ) -> None:
        if self.crash:
            raise Crash
        self.stop()
        self.server = self.start()
        self.restarts += 1

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()


@dataclass
class Host:
    """One machine with its packages and its services."""

    name: str
    folder: Path
    spec: Spec
    layout: Layout
    packages: FakePackages
    services: FakeServices

    def step(self, secrets: Secrets = SECRETS) -> InstallKeyValueHost:
        settings = HostSettings(
            name=self.name,
            state_path=str(self.folder / "state"),
            config_files=("/nowhere",),
            admin=DatabaseUrl("mysql+pymysql"),
            db_manage_command=("true",),
        )
        return InstallKeyValueHost(
            Context(self.spec, settings, secrets),
            package_system=self.packages,
            services=self.services,
            layout=self.layout,
        )

    @property
    def config(self) -> bytes:
        return self.layout.config_file.read_bytes()


def spec_for(
    driver: str, port: int, hosts: tuple[str, ...], names: Sequence[str]
) -> Spec:
    return Spec(
        DatabaseUrl("mysql+pymysql"),
        {
            "jobboard_enabled": True,
            "jobboard_backend_driver": f"{driver}_taskflow_driver",
            "jobboard_backend_hosts": hosts,
            "jobboard_backend_port": port,
            "jobboard_backend_namespace": "octavia_jobboard",
        },
        controllers=("ctl1",),
        install_key_value_backend=True,
        key_value_hosts=tuple(names),
    )


@contextlib.contextmanager
def redis_host(folder: Path) -> Iterator[Host]:
    layout = Layout(
        ("redis-server",), "redis-server", (folder / "etc/redis.conf",), folder / "data"
    )
    packages = FakePackages(stock("/etc/redis/redis.conf", "redis-server"), layout)
    spec = spec_for("redis", free_port(), (LOOPBACK,), ["ctl1"])

    def start() -> Server:
        # Like the unit, but without root's folders.
        options = ["--daemonize", "no", "--dir", str(layout.data_folder)]
        options += ["--logfile", "", "--pidfile", str(folder / "pid")]
        server = Server(
            [binary("redis-server"), str(layout.config_file), *options],
            log=folder / "log",
            ready=lambda: key_value.check(spec, SECRETS) is not None,
        )
        server.start()
        return server

    services = FakeServices(start)
    try:
        yield Host("ctl1", folder, spec, layout, packages, services)
    finally:
        services.stop()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host on which Redis is wanted and nothing is installed yet."""
    with redis_host(tmp_path) as one:
        yield one


def test_redis_is_installed_and_fit(host: Host) -> None:
    """The stock file becomes that of a server that Octavia can use, without warning."""
    result = host.step().act()
    assert result.effect == CHANGED
    assert result.warnings == ()
    assert result.made == (
        "package redis-server",
        f"settings in {host.layout.config_file}",
    )
    assert host.services.enabled == ["redis-server"]
    assert check(host.spec, SECRETS) == ()
    wrong = Secrets({"jobboard_backend_password": "wrong"})
    with pytest.raises(PermanentError):
        check(host.spec, wrong)


def test_second_run_changes_nothing(host: Host) -> None:
    """The second run writes nothing and restarts nothing."""
    host.step().act()
    before = host.config, sorted(host.folder.glob("etc/*"))
    result = host.step().act()
    assert result.effect == UNCHANGED
    assert result.made == ()
    assert (host.config, sorted(host.folder.glob("etc/*"))) == before
    assert host.services.restarts == 1


def test_all_other_bytes_stay(host: Host) -> None:
    """Without the lines of our settings, the file equals the stock file."""
    host.step().act()
    names = b"bind port requirepass masterauth appendonly protected-mode"
    ours = (names + b" maxmemory-policy").replace(b" ", b"|")
    setting = re.compile(rb"^(" + ours + rb")[ ].*\n", re.MULTILINE)
    before = host.packages.content
    assert setting.sub(b"", host.config) == setting.sub(b"", before)
    assert len(setting.findall(host.config)) == 7


def test_crash_before_the_restart(host: Host) -> None:
    """After a crash before the restart, the next run restarts."""
    host.services.crash = True
    with pytest.raises(Crash):
        host.step().act()
    host.services.crash = False
    assert host.step().act().effect == UNCHANGED
    assert host.services.restarts == 1
    assert host.step().act().effect == UNCHANGED
    assert host.services.restarts == 1


def test_new_password_is_a_change(host: Host) -> None:
    """A server that this program installed gets new settings."""
    old = Secrets({"jobboard_backend_password": "old"})
    start, host.services.start = host.services.start, lambda: pytest.fail("started")
    host.services.crash = True
    with pytest.raises(Crash):
        host.step(old).act()
    host.services.crash, host.services.start = False, start
    assert host.step().act().effect == CHANGED
    assert check(host.spec, SECRETS) == ()


def test_the_password_is_private(host: Host) -> None:
    """Others can't read the file, and neither result nor state has the password."""
    host.packages.install(["redis-server"])
    host.packages.there.clear()
    result = host.step().act()
    for path in host.layout.config_file.parent.iterdir():
        assert path.stat().st_mode & 0o007 == 0
    assert PASSWORD not in str(result)
    state = [path.read_text() for path in (host.folder / "state").iterdir()]
    assert not any(PASSWORD in text for text in state)


def test_user_of_the_access_list(host: Host) -> None:
    """A wanted user is created with the password."""
    named = {**host.spec.task_flow, "jobboard_backend_username": "octavia.user"}
    spec = replace(host.spec, task_flow=named)
    host.spec = spec
    host.step().act()
    assert check(spec, SECRETS) == ()


def test_unfit_server_of_others_is_left_alone(host: Host, tmp_path: Path) -> None:
    """One that is away may come back; one that refuses doesn't. Its file stays."""
    host.packages.install(["redis-server"])
    before = host.config
    with pytest.raises(TransientError, match="installed before"):
        host.step().act()
    with running_redis(tmp_path / "other", password="another") as server:
        port = {**host.spec.task_flow, "jobboard_backend_port": server.port}
        host.spec = replace(host.spec, task_flow=port)
        with pytest.raises(PermanentError, match="installed before"):
            host.step().act()
    assert host.config == before
    assert host.services.restarts == 0


def test_fit_server_of_others(host: Host, tmp_path: Path) -> None:
    """A fit server that others installed is accepted without a change."""
    host.packages.install(["redis-server"])
    simple = "simple-password"
    with running_redis(tmp_path / "other", password=simple) as server:
        port = {**host.spec.task_flow, "jobboard_backend_port": server.port}
        host.spec = replace(host.spec, task_flow=port)
        secrets = Secrets({"jobboard_backend_password": simple})
        assert host.step(secrets).act().effect == UNCHANGED
    assert host.services.restarts == 0


def test_without_systemd_the_operator_starts_it(host: Host) -> None:
    """The error says what to start; once that runs, the step completes."""
    host.services.running = False
    with pytest.raises(PermanentError, match="Start the server by hand") as caught:
        host.step().act()
    assert str(host.layout.config_file) in caught.value.todo
    host.services.server = host.services.start()
    assert host.step().act().effect == UNCHANGED


def test_undo_leaves_the_server(host: Host) -> None:
    """The server stays as it is, since others may use it."""
    step = host.step()
    result = step.act()
    before = host.config
    step.undo(result)
    assert host.config == before
    assert check(host.spec, SECRETS) == ()


@pytest.mark.parametrize(
    ("options", "secrets", "words"),
    [
        ({"jobboard_redis_sentinel": "mymaster"}, SECRETS, "Sentinel"),
        ({"jobboard_redis_backend_ssl_options": {"ssl": "True"}}, SECRETS, "TLS"),
        ({"jobboard_backend_hosts": (LOOPBACK, "::1")}, SECRETS, "one Redis"),
        ({"jobboard_backend_hosts": ("192.0.2.1",)}, SECRETS, "not an address"),
        ({"jobboard_backend_driver": "etcd_taskflow_driver"}, SECRETS, "verified"),
        ({}, Secrets({}), "jobboard_backend_password"),
    ],
)
def test_what_cannot_be_installed(
    host: Host, options: dict[str, object], secrets: Secrets, words: str
) -> None:
    """Unsupported settings are refused before anything is installed."""
    wanted = {**host.spec.task_flow, **options}
    host.spec = replace(host.spec, task_flow=wanted)  # type: ignore[arg-type]
    with pytest.raises(PermanentError, match=words):
        host.step(secrets).act()
    assert host.packages.there == set()


@contextlib.contextmanager
def zookeeper_hosts(folder: Path, addresses: tuple[str, ...]) -> Iterator[list[Host]]:
    example = stock("/etc/zookeeper/conf_example/zoo.cfg", "zookeeper")
    names = [f"ctl{number}" for number in range(1, len(addresses) + 1)]
    spec = spec_for("zookeeper", free_port(), addresses, names)
    hosts = [
        zookeeper_host(name, folder / name, spec, example, address)
        for name, address in zip(names, addresses, strict=True)
    ]
    try:
        yield hosts
    finally:
        for one in hosts:
            one.services.stop()


def zookeeper_host(
    name: str, folder: Path, spec: Spec, example: Path, address: str
) -> Host:
    folder.mkdir()
    layout = Layout(
        ("zookeeperd",), "zookeeper", (folder / "etc/zoo.cfg",), folder / "data"
    )

    def start() -> Server:
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        java = [binary("java"), "-Xmx64m", "-XX:+UseSerialGC", "-cp", str(JAR), main]
        server = Server(
            [*java, str(layout.config_file)], log=folder / "log", ready=lambda: True
        )
        server.start()
        return server

    packages = FakePackages(example, layout)
    return Host(name, folder, spec, layout, packages, FakeServices(start))


def test_zookeeper_is_installed_and_fit(tmp_path: Path) -> None:
    """A single ZooKeeper is set up; a second run changes nothing."""
    with zookeeper_hosts(tmp_path, (LOOPBACK,)) as (one,):
        result = one.step(Secrets({})).act()
        assert result.effect == CHANGED
        assert "single server" in result.warnings[0]
        assert one.step(Secrets({})).act().effect == UNCHANGED
        assert one.services.restarts == 1
        assert f"dataDir={one.layout.data_folder}" in one.config.decode()


def test_zookeeper_ensemble(tmp_path: Path) -> None:
    """Three hosts, one after another, become one ensemble without a warning."""
    addresses = ("127.0.7.1", "127.0.7.2", "127.0.7.3")
    with zookeeper_hosts(tmp_path, addresses) as hosts:
        for one in hosts:
            assert one.step(Secrets({})).execute()["effect"] == CHANGED
        assert check(hosts[0].spec, Secrets({})) == ()
        for number, one in enumerate(hosts, start=1):
            assert one.step(Secrets({})).act().effect == UNCHANGED
            assert (one.layout.data_folder / "myid").read_text() == f"{number}\n"
