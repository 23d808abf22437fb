# SPDX-License-Identifier: Apache-2.0
"""Each trap of a release, shown by a real Octavia of that release."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.spec.octavia_releases import RELEASE_TRAPS, release_traps
from amphv2_bootstrap.spec.task_flow_group import Group, Place
from tests.servers.certificates import Tls
from tests.servers.octavia import find_octavia, find_release
from tests.servers.process import free_port, running, unavailable
from tests.servers.redis import HOST, MASTER_NAME, RedisServer
from tests.servers.zookeeper import ZookeeperServer

PROGRAM = Path(__file__).with_name("trapped.py")
NOBODY = "127.0.0.9"
"""A loopback address on which no server listens."""
BY_NAME = {trap.name: trap for trap in RELEASE_TRAPS}
NEWEST = "19"
SAMPLE = "8"
"""The release that the test command installs; the others are for the long form."""

Options = dict[str, str]
Server = Callable[..., Options]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Mapping[str, Server]]:
    """Start a server by name; gives the options with which Octavia finds it."""
    with ExitStack() as stack:

        def redis(**more: Any) -> RedisServer:
            folder = tmp_path / f"redis-{len(list(tmp_path.iterdir()))}"
            server = RedisServer(folder, port=free_port(), password="", **more)
            return stack.enter_context(running(server))

        def plain() -> Options:
            return _options("redis", redis().port, jobboard_expiration_time="4")

        def sentinel(first: str = "", tls: Options | None = None) -> Options:
            line = f"sentinel monitor {MASTER_NAME} {HOST} {redis().port} 1"
            port = redis(sentinel=True, options=[line]).port
            found = _options("redis", port, jobboard_redis_sentinel=MASTER_NAME)
            if first:
                found["jobboard_backend_hosts"] = f"{first},{HOST}"
            return {**found, **(tls or {})}

        yield {"redis": plain, "sentinel": sentinel}


def _options(driver: str, port: int, **more: str) -> Options:
    return {
        "jobboard_enabled": "True",
        "jobboard_backend_driver": f"{driver}_taskflow_driver",
        "jobboard_backend_hosts": HOST,
        "jobboard_backend_port": str(port),
        **more,
    }


def python_of(release: str) -> str:
    """Octavia's interpreter; the test is skipped where that release isn't installed."""
    folder = find_octavia() if release == NEWEST else find_release(release)
    return str(folder / "bin" / "python")


class Trapped:
    """One Octavia with these options."""

    def __init__(self, folder: Path, release: str, options: Options) -> None:
        self.python = python_of(release)
        self._file = folder / f"octavia-{release}.conf"
        lines = (f"{name} = {value}" for name, value in options.items())
        self._file.write_text("\n".join(["[task_flow]", *lines, ""]))

    def run(self, name: str) -> str:
        """The result of a function of ``trapped.py``."""
        argv = [self.python, "-W", "ignore", str(PROGRAM), str(self._file), name]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    def named(self) -> list[str]:
        """What our table says of it, by the trap's option and text."""
        values = introspection.load_task_flow(self.python, [str(self._file)]).values
        versions = introspection.trap_versions(self.python)
        found = release_traps(Group(values, Place.FILE, versions=versions))
        return [one.what for one in found]

    def is_named(self, trap: str) -> bool:
        return BY_NAME[trap].what in self.named()


@pytest.mark.long
@pytest.mark.parametrize(("release", "is_trapped"), [("13", True), ("15", False)])
def test_one_sentinel(
    release: str, is_trapped: bool, servers: Mapping[str, Server], tmp_path: Path
) -> None:
    """An old Octavia finds no master where its first Sentinel is away."""
    octavia = Trapped(tmp_path, release, servers["sentinel"](NOBODY, _OFF))
    assert octavia.is_named("one-sentinel") == is_trapped
    found = octavia.run("connect")
    assert ("No master found" in found) == is_trapped, found
    assert ("sees" in found) != is_trapped, found


_OFF = {"jobboard_redis_backend_ssl_options": "ssl:False"}


@pytest.mark.long
def test_sentinel_without_tls(servers: Mapping[str, Server], tmp_path: Path) -> None:
    """Asked for TLS, an old taskflow works with a Redis that has none."""
    on = {"jobboard_redis_backend_ssl_options": "ssl:True"}
    octavia = Trapped(tmp_path, "13", servers["sentinel"](tls=on))
    assert octavia.is_named("sentinel-without-tls")
    assert "sees" in octavia.run("connect")


@pytest.mark.long
@pytest.mark.parametrize(("release", "is_trapped"), [("16", True), ("17", False)])
def test_sentinel_tls_keys(
    release: str, is_trapped: bool, servers: Mapping[str, Server], tmp_path: Path
) -> None:
    """Octavia's own default of the TLS options ends with a TypeError."""
    options = servers["sentinel"]()
    octavia = Trapped(tmp_path, release, options)
    assert octavia.is_named("sentinel-tls-keys") == is_trapped
    assert ("TypeError" in octavia.run("connect")) == is_trapped
    alone = Trapped(tmp_path, release, {**options, **_OFF})
    assert not alone.is_named("sentinel-tls-keys")
    assert "sees" in alone.run("connect")


@pytest.mark.parametrize(
    ("release", "is_trapped"),
    [(SAMPLE, True), pytest.param("13", False, marks=pytest.mark.long)],
)
def test_false_is_true(
    release: str,
    is_trapped: bool,
    zookeeper_server: ZookeeperServer,
    tmp_path: Path,
) -> None:
    """An old taskflow takes the text False for true, and speaks TLS to ZooKeeper."""
    off = {"jobboard_zookeeper_ssl_options": "use_ssl:False"}
    octavia = Trapped(
        tmp_path, release, {**_options("zookeeper", zookeeper_server.port), **off}
    )
    assert octavia.is_named("false-is-true") == is_trapped
    found = octavia.run("connect")
    assert ("sees" in found) != is_trapped, found


@pytest.mark.parametrize("release", [SAMPLE])
def test_renewed_between_steps(
    release: str, servers: Mapping[str, Server], tmp_path: Path
) -> None:
    """The claim of a living worker ends during a step that is longer."""
    octavia = Trapped(tmp_path, release, servers["redis"]())
    assert octavia.is_named("renewed-between-steps")
    assert octavia.run("long_step") == "ended"


@pytest.mark.long
@pytest.mark.parametrize(("release", "is_trapped"), [("9", True), ("10", False)])
def test_renewed_by_the_poster(
    release: str, is_trapped: bool, servers: Mapping[str, Server], tmp_path: Path
) -> None:
    """A worker that waits for a job renews the claim of its dead owner."""
    octavia = Trapped(tmp_path, release, servers["redis"]())
    assert octavia.is_named("renewed-by-the-poster") == is_trapped
    assert octavia.run("poster") == ("renewed" if is_trapped else "ended")


@pytest.mark.parametrize("release", [NEWEST])
def test_kazoo_without_tls(
    release: str, zookeeper_with_tls: ZookeeperServer, tls: Tls, tmp_path: Path
) -> None:
    """kazoo 2.11.0 can't ask a server for its version over TLS."""
    on = (
        f"use_ssl:True,verify_certs:False,certfile:{tls.client.certificate},"
        f"keyfile:{tls.client.key}"
    )
    port = zookeeper_with_tls.port
    options = _options("zookeeper", port, jobboard_zookeeper_ssl_options=on)
    octavia = Trapped(tmp_path, release, options)
    if introspection.trap_versions(octavia.python)["kazoo"] != "2.11.0":
        unavailable("this Octavia has another kazoo")
    assert octavia.is_named("kazoo-without-tls")
    assert "'int' object has no attribute 'decode'" in octavia.run("connect")


def test_each_trap_has_its_test() -> None:
    """A trap in the table without a test with a real Octavia isn't believed."""
    tests = {f"test_{name.replace('-', '_')}" for name in BY_NAME}
    assert tests <= globals().keys()
