# SPDX-License-Identifier: Apache-2.0
"""The canary and the drill of a real Octavia on real servers."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_acl

from amphv2_bootstrap.adapters.octavia import canary as octavia_canary
from amphv2_bootstrap.adapters.octavia import conf_file, program_runner
from amphv2_bootstrap.adapters.octavia.diagnosis import (
    MissingLibraryError,
    UnprovenError,
)
from amphv2_bootstrap.errors import CancelledError, PermanentError, TransientError
from tests.functional import canary_cloud as clouds
from tests.functional.canary_cloud import CanaryCloud
from tests.functional.canary_ledger import foreign_writes
from tests.servers.certificates import Authority
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer
from tests.servers.zookeeper import ZookeeperServer, running_zookeeper
from tests.unit.sentinels import REFUSING, SILENT, listening_sentinels

LINKS = (
    "configuration",
    "persistence",
    "schema",
    "jobboard-driver",
    "jobboard-connect",
    "post",
    "claim",
    "expiry",
    "takeover",
    "flow",
    "consume",
    "cleanup",
)
BACKENDS = ("redis", "sentinel", "zookeeper", "etcd")
LATER = 100_000.0
Make = Callable[[str], CanaryCloud]


@pytest.fixture
def make(
    request: pytest.FixtureRequest, tmp_path: Path, mariadb: MariaDB, octavia_venv: Path
) -> Make:
    """Makes a cloud with one of the backends."""

    def one(backend: str) -> CanaryCloud:
        options, look = _backend(request, backend)
        return replace(clouds.make(tmp_path, mariadb, octavia_venv, options), look=look)

    return one


def _backend(
    request: pytest.FixtureRequest, backend: str
) -> tuple[dict[str, Any], Callable[[], list[str]]]:
    if backend == "sentinel":
        cloud: Any = request.getfixturevalue("redis_sentinels")
        sentinel = cloud.sentinels[0]
        options = {
            **clouds.redis_options(sentinel),
            "jobboard_backend_password": cloud.password,
            "jobboard_redis_sentinel": cloud.name,
            "jobboard_redis_sentinel_password": cloud.sentinel_password,
        }
        return options, lambda: clouds.redis_keys(cloud.master())
    server: Any = request.getfixturevalue(f"{backend}_server")
    if backend == "redis":
        return clouds.redis_options(server), lambda: clouds.redis_keys(server)
    options = {
        "jobboard_backend_driver": f"{backend}_taskflow_driver",
        "jobboard_backend_port": server.port,
    }
    keys = clouds.etcd_keys if backend == "etcd" else clouds.zookeeper_nodes
    return options, lambda: keys(server.port)


@pytest.mark.parametrize("backend", BACKENDS)
def test_canary_passes_and_leaves_nothing(backend: str, make: Make) -> None:
    """All links hold; the canary leaves no key and no row, and writes nothing else."""
    cloud = make(backend)
    before, mark = cloud.look(), cloud.mariadb.mark()
    proof = octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert proof.links == LINKS
    assert proof.takeover_seconds >= proof.claim_seconds * 0.9
    assert proof.revision == "00af93df9d77"
    assert not proof.notes
    assert cloud.look() == before
    assert cloud.rows() == 0
    statements = cloud.mariadb.statements(mark)
    assert any("amphv2_canary_" in text for text in statements)
    assert foreign_writes(statements) == []


@pytest.mark.parametrize("backend", ["redis", "zookeeper", "etcd"])
def test_what_was_shown_is_not_shown_again(backend: str, make: Make) -> None:
    """With the same versions nothing expires; all else is proven, and nothing left.

    With another version, or if one isn't known, the proof is a whole one.
    """
    cloud = make(backend)
    before = cloud.look()
    whole = octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert {"octavia", "taskflow", "driver"} < whole.shown.keys()
    short = octavia_canary.prove(cloud.python, [str(cloud.conf)], shown=whole.shown)
    assert short.links == tuple(link for link in LINKS if link != "expiry")
    assert short.shown == {}
    assert cloud.look() == before
    assert cloud.rows() == 0
    if backend == "redis":
        for other in ({**whole.shown, "redis": "0.1"}, {**whole.shown, "taskflow": ""}):
            proof = octavia_canary.prove(cloud.python, [str(cloud.conf)], shown=other)
            assert proof.links == LINKS


_CLAIMS_THAT_STAY = """
from taskflow.jobs.backends import impl_redis
claim = impl_redis.RedisJobBoard.claim
def forever(board, job, who, expiry=None):
    return claim(board, job, who)
impl_redis.RedisJobBoard.claim = forever
"""


@pytest.mark.long  # waits for 31 s
def test_a_claim_that_never_expires(make: Make, tmp_path: Path) -> None:
    """A client library that ignores the expiry breaks the link; nothing is left."""
    cloud = make("redis")
    (tmp_path / "sitecustomize.py").write_text(_CLAIMS_THAT_STAY)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {cloud.python} "$@"\n')
    python.chmod(0o755)
    before = cloud.look()
    with pytest.raises(PermanentError, match=r"\(link expiry\)") as caught:
        octavia_canary.prove(str(python), [str(cloud.conf)])
    assert "for 0.5 s still holds after 30.5 s" in str(caught.value)
    assert cloud.look() == before
    assert cloud.rows() == 0


def test_a_canary_with_a_head_start(make: Make) -> None:
    """It is the one that was started; what isn't taken, or has ended, is not used.

    It outlives the thread that gave it: that is another flow's.
    """
    cloud = make("redis")
    head_start = octavia_canary.HeadStart()
    other_flow = threading.Thread(target=head_start.give, args=(cloud.python,))
    other_flow.start()
    other_flow.join()
    started = head_start.take(cloud.python)
    assert started is not None
    proof = octavia_canary.prove(cloud.python, [str(cloud.conf)], started=started)
    assert proof.links == LINKS
    assert not started.is_running
    assert head_start.take(cloud.python) is None


def _public_python(folder: Path, venv: Path) -> str:
    """The system's Python with the libraries of Octavia's, for every user."""
    (libraries,) = venv.glob("lib/python3.*/site-packages")
    system = Path("/usr/bin") / libraries.parent.name
    if not system.exists():
        pytest.skip(f"there is no {system}")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={libraries} exec {system} "$@"\n')
    python.chmod(0o755)
    return str(python)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_canary_as_the_services_user(make: Make, octavia_venv: Path) -> None:
    """It proves all links; an octavia.conf that the user can't read is a broken one."""
    cloud = make("etcd")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        python, conf = _public_python(folder, octavia_venv), folder / "octavia.conf"
        conf.write_bytes(cloud.conf.read_bytes())
        head_start = octavia_canary.HeadStart()
        head_start.give(python, "nobody")
        started = head_start.take(python, "nobody")
        files = [str(conf)]
        proof = octavia_canary.prove(python, files, started=started, user="nobody")
        assert proof.links == LINKS
        conf.chmod(0o600)
        with pytest.raises(PermanentError, match="link configuration"):
            octavia_canary.prove(python, files, user="nobody")


def _set(cloud: CanaryCloud, **options: Any) -> None:
    rendered = {name: conf_file.render(value) for name, value in options.items()}
    text = conf_file.set_options(cloud.conf.read_bytes(), "task_flow", rendered)
    cloud.conf.write_bytes(text)


def _drilled(python: str, sources: list[str]) -> None:
    octavia_canary.drill(python, sources, expiration=1.0)


@pytest.mark.parametrize("look", [octavia_canary.prove, _drilled])
def test_no_file_is_made_for_a_database(
    look: Callable[[str, list[str]], object], tmp_path: Path, octavia_venv: Path
) -> None:
    """SQLite would make any file that octavia.conf names, such as /etc/nologin."""
    conf, made = tmp_path / "octavia.conf", tmp_path / "nologin"
    conf.write_text(f"[task_flow]\npersistence_connection = sqlite:///{made}\n")
    with pytest.raises(PermanentError, match="is a file"):
        look(str(octavia_venv / "bin" / "python"), [str(conf)])
    assert not made.exists()


def test_no_sentinel_answers(
    tmp_path: Path, mariadb: MariaDB, octavia_venv: Path
) -> None:
    """The canary ends at the link, without a word of Octavia's client about time."""
    with listening_sentinels() as port:
        options = {
            "jobboard_backend_driver": "redis_taskflow_driver",
            "jobboard_backend_hosts": (SILENT, REFUSING),
            "jobboard_backend_port": port,
            "jobboard_redis_sentinel": "mymaster",
        }
        cloud = clouds.make(tmp_path, mariadb, octavia_venv, options)
        with pytest.raises(TransientError, match=r"link jobboard-connect"):
            octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert cloud.rows() == 0


def test_a_namespace_that_is_a_path(make: Make) -> None:
    """In ZooKeeper no folder of a missing namespace stays."""
    cloud = make("zookeeper")
    _set(cloud, jobboard_backend_namespace="cloud/octavia/jobboard")
    before = cloud.look()
    octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert cloud.look() == before


@pytest.mark.parametrize("backend", ["redis", "zookeeper", "etcd"])
def test_what_a_killed_canary_left_is_removed_by_the_next(
    backend: str, make: Make
) -> None:
    """A later run removes keys and rows of a killed one, but not too early."""
    cloud = make(backend)
    before = cloud.look()
    _kill_in_the_middle(cloud, before)
    assert cloud.rows()
    octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert cloud.rows(), "the remains of a run that may still be alive must stay"
    later = time.time() + LATER
    octavia_canary.prove(cloud.python, [str(cloud.conf)], now=later)
    assert cloud.rows() == 0
    assert cloud.look() == before


def _kill_in_the_middle(
    cloud: CanaryCloud, before: list[str], when: Callable[[], bool] = lambda: True
) -> None:
    """Kill the whole session of a canary that has posted its job.

    :param when: checked while the canary is stopped; False lets it continue.
    """
    request = program_runner.request([str(cloud.conf)], timeout=120, now=time.time())
    process = subprocess.Popen(
        program_runner.command(cloud.python, "canary"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(request)
    process.stdin.flush()
    try:
        wait_until(
            lambda: cloud.rows() >= 2 and len(cloud.look()) > len(before) + 1,
            what="the canary has posted its job",
            state=lambda: (cloud.rows(), cloud.look()),
        )

        def is_stopped_in_time() -> bool:
            os.killpg(process.pid, signal.SIGSTOP)
            in_time = when()
            if not in_time:
                os.killpg(process.pid, signal.SIGCONT)
            return in_time

        wait_until(is_stopped_in_time, what="it may be killed", state=cloud.look)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def test_redis_forgets_what_a_killed_canary_left(
    make: Make, redis_server: RedisServer
) -> None:
    """Each key of a killed canary has a time to live."""
    cloud = make("redis")
    with contextlib.closing(redis_server.client()) as client:

        def found() -> list[Any]:
            return list(client.scan_iter(match="*_amphv2_canary_*"))

        def are_claimed_and_expire() -> bool:
            claimed = any(key.endswith(b".owned") for key in found())
            return claimed and all(client.ttl(key) > 0 for key in found())

        _kill_in_the_middle(cloud, cloud.look(), when=are_claimed_and_expire)
        client.delete(*found())


def test_cancelled_canary_cleans_up(make: Make) -> None:
    """A cancelled canary leaves nothing behind."""
    cloud = make("zookeeper")  # slow enough: a session takes 4 s to expire
    before, cancelled = cloud.look(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            octavia_canary.prove,
            cloud.python,
            [str(cloud.conf)],
            cancelled=cancelled,
        )
        wait_until(cloud.rows, what="the canary has posted its job", state=cloud.look)
        cancelled.set()
        with pytest.raises(CancelledError):
            running.result()
    assert cloud.rows() == 0
    assert cloud.look() == before


def test_several_at_once_do_not_disturb_each_other(make: Make) -> None:
    """Three canaries at the same time pass and leave nothing behind."""
    cloud = make("redis")
    before = cloud.look()
    with ThreadPoolExecutor(3) as pool:
        runs = [
            pool.submit(octavia_canary.prove, cloud.python, [str(cloud.conf)])
            for _ in range(3)
        ]
        assert {run.result().links for run in runs} == {LINKS}
    assert cloud.rows() == 0
    assert cloud.look() == before


@contextlib.contextmanager
def redis_user(cloud: CanaryCloud, server: RedisServer, *rights: str) -> Iterator[None]:
    """Within, Octavia's Redis user has only these rights."""
    _set(
        cloud,
        jobboard_backend_username="octavia",
        jobboard_backend_password="only$own",
    )
    with contextlib.closing(server.client()) as client:
        rules = ("reset", "on", ">only$own", *rights)
        execute: Callable[..., object] = client.execute_command
        execute("ACL", "SETUSER", "octavia", *rules)
        try:
            yield
        finally:
            client.acl_deluser("octavia")


CONNECT = r"\(link jobboard-connect\)"
OWN_KEYS = f"~{clouds.NAMESPACE}:*"


def test_user_of_octavias_keys_only(make: Make, redis_server: RedisServer) -> None:
    """Rights on Octavia's own keys only are no failure, but prove nothing."""
    cloud = make("redis")
    before = cloud.look()
    with (
        redis_user(cloud, redis_server, OWN_KEYS, "+@all"),
        pytest.raises(UnprovenError, match="NoPermission") as caught,
    ):
        octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert "only$own" not in str(caught.value)
    assert cloud.rows() == 0
    assert cloud.look() == before


@pytest.mark.parametrize(
    ("keys", "denied"),
    [
        ("~*", "ping"),
        ("~*", "incrby"),
        ("~*", "set"),
        (OWN_KEYS, "incrby"),
        (OWN_KEYS, "hdel"),
    ],
)
def test_user_without_a_command_of_taskflows(
    keys: str, denied: str, make: Make, redis_server: RedisServer
) -> None:
    """Without a command of taskflow's the link is broken, for any allowed keys."""
    cloud = make("redis")
    before = cloud.look()
    with (
        redis_user(cloud, redis_server, keys, "+@all", f"-{denied}"),
        pytest.raises(PermanentError, match=CONNECT) as caught,
    ):
        octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert not isinstance(caught.value, UnprovenError)
    assert f"'{denied}' command" in str(caught.value)
    assert "+@write" in caught.value.todo
    assert cloud.rows() == 0
    assert cloud.look() == before


def test_user_of_any_keys_but_octavias(make: Make, redis_server: RedisServer) -> None:
    """Rights on the scratch namespace but not on Octavia's own are a failure."""
    cloud = make("redis")
    beside = f"~{clouds.NAMESPACE}_*"
    with (
        redis_user(cloud, redis_server, beside, "+@all"),
        pytest.raises(PermanentError, match=CONNECT) as caught,
    ):
        octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert not isinstance(caught.value, UnprovenError)
    assert cloud.rows() == 0


@contextlib.contextmanager
def zookeeper_rights(port: int, closed: str) -> Iterator[None]:
    """Within, Octavia's folders exist, and ``closed`` allows no new nodes."""
    client = KazooClient(f"127.0.0.1:{port}")
    client.start()
    made = (clouds.NAMESPACE, ".trash", ".entities/conductor")
    try:
        for path in made:
            client.ensure_path(f"/{path}")
        before, _ = client.get_acls(closed)
        client.set_acls(closed, [make_acl("world", "anyone", read=True, admin=True)])
        try:
            yield
        finally:
            client.set_acls(closed, before)
            client.delete(f"/{clouds.NAMESPACE}", recursive=True)
    finally:
        client.stop()
        client.close()


@pytest.mark.parametrize(
    ("closed", "is_unproven"), [("/", True), (f"/{clouds.NAMESPACE}", False)]
)
def test_nodes_of_zookeeper_that_may_not_be_made(
    closed: str, is_unproven: bool, make: Make, zookeeper_server: ZookeeperServer
) -> None:
    """A closed root is no failure; a closed folder of Octavia is one."""
    cloud = make("zookeeper")
    with zookeeper_rights(zookeeper_server.port, closed):
        before = cloud.look()
        with pytest.raises(PermanentError, match="NoAuth") as caught:
            octavia_canary.prove(cloud.python, [str(cloud.conf)])
        assert isinstance(caught.value, UnprovenError) is is_unproven
        assert cloud.look() == before
    assert cloud.rows() == 0


def test_zookeeper_over_tls(
    make: Make, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which kazoo can't do it; Octavia's own error would not."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    pair = authority.pair("octavia")
    cloud = make("zookeeper")
    with running_zookeeper(tmp_path, authority=authority) as server:
        options = {
            "use_ssl": "True",
            "certfile": str(pair.certificate),
            "keyfile": str(pair.key),
        }
        _set(
            cloud,
            jobboard_backend_port=server.port,
            jobboard_zookeeper_ssl_options=options,
        )
        with pytest.raises(MissingLibraryError, match=r"kazoo!=2\.11\.0"):
            octavia_canary.prove(cloud.python, [str(cloud.conf)])
    assert cloud.rows() == 0


@pytest.mark.parametrize("backend", ["redis", "zookeeper", "etcd"])
def test_drill(backend: str, make: Make) -> None:
    """The other conductor continues the flow; the drill leaves nothing behind."""
    cloud = make(backend)
    before, progress = cloud.look(), list[str]()
    drilled = octavia_canary.drill(
        cloud.python, [str(cloud.conf)], expiration=5, progress=progress.append
    )
    assert drilled.expiration_seconds == (10 if backend == "zookeeper" else 5)
    assert drilled.takeover_seconds > 0
    assert any("killed the conductor" in text for text in progress)
    assert cloud.rows() == 0
    assert cloud.look() == before


def test_cancelled_drill_cleans_up(make: Make) -> None:
    """A cancelled drill leaves nothing behind."""
    cloud = make("redis")
    before, cancelled = cloud.look(), threading.Event()

    def progress(text: str) -> None:
        cancelled.set()

    with pytest.raises(CancelledError):
        octavia_canary.drill(
            cloud.python,
            [str(cloud.conf)],
            expiration=5,
            progress=progress,
            cancelled=cancelled,
        )
    assert cloud.rows() == 0
    assert cloud.look() == before
