# SPDX-License-Identifier: Apache-2.0
"""Octavia's own clients are asked where they may differ from this program's."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from amphv2_bootstrap.adapters.key_value import ClientMissingError
from amphv2_bootstrap.adapters.octavia import canary
from amphv2_bootstrap.errors import BootstrapError, PermanentError
from amphv2_bootstrap.spec.model import Spec, Value
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.steps.base import Context
from amphv2_bootstrap.steps.canary import with_wanted
from amphv2_bootstrap.steps.octavia_clients import check_key_value, refuse_unusable_url
from tests.functional.steps.target import Target
from tests.servers.certificates import Authority
from tests.servers.etcd import EtcdServer, ssl_options
from tests.servers.mariadb import MariaDB
from tests.servers.octavia import find_octavia, find_release
from tests.servers.process import free_port, running
from tests.servers.redis import HOST, MASTER_NAME, RedisServer
from tests.unit.sentinels import SILENT

NOBODY = "127.0.0.9"
"""A loopback address on which no server listens."""


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[RedisServer]:
    """A Sentinel, and the Redis that it watches; both without a password."""
    with ExitStack() as stack:

        def start(name: str, **more: object) -> RedisServer:
            server = RedisServer(
                tmp_path / name,
                port=free_port(),
                password="",
                **more,  # type: ignore[arg-type]
            )
            return stack.enter_context(running(server))

        port = start("redis").port
        line = f"sentinel monitor {MASTER_NAME} {HOST} {port} 1"
        yield start("sentinel", sentinel=True, options=[line])


def _context(target: Target, venv: Path, task_flow: Mapping[str, Value]) -> Context:
    """The target with that Octavia and these options of its jobboard."""
    target.octavia_python = str(venv / "bin" / "python")
    target.db_manage = (str(venv / "bin" / "octavia-db-manage"),)
    target.state_path.mkdir(exist_ok=True)
    context = target.context()
    options = {
        **context.spec.task_flow,
        "jobboard_enabled": True,
        "jobboard_backend_namespace": "octavia_jobboard",
        **task_flow,
    }
    return replace(context, spec=replace(context.spec, task_flow=options))


def _with_sentinels(
    target: Target, venv: Path, sentinel: RedisServer, *hosts: str
) -> Context:
    options: dict[str, Value] = {
        "jobboard_backend_hosts": hosts,
        "jobboard_backend_port": sentinel.port,
        "jobboard_redis_sentinel": MASTER_NAME,
    }
    return _context(target, venv, options)


def test_an_octavia_that_asks_only_the_first_sentinel(
    target: Target, sentinel: RedisServer
) -> None:
    """Our client asks the other Sentinel, too; the old Octavia can't, and fails."""
    old = _with_sentinels(target, find_release("8"), sentinel, NOBODY, HOST)
    with pytest.raises(BootstrapError, match="No master found"):
        check_key_value(old)
    new = _with_sentinels(target, find_octavia(), sentinel, NOBODY, HOST)
    assert any("does not answer" in one for one in check_key_value(new))
    first = _with_sentinels(target, find_release("8"), sentinel, HOST, NOBODY)
    check_key_value(first)
    assert not list(target.state_path.iterdir())


def test_a_silent_sentinel_is_asked_once(target: Target, sentinel: RedisServer) -> None:
    """By itself redis-py would ask it again and again, for a minute."""
    venv = find_octavia()
    context = _with_sentinels(target, venv, sentinel, SILENT, HOST)
    with socket.create_server((SILENT, sentinel.port)) as silent:
        with with_wanted(context) as sources:
            python = str(venv / "bin" / "python")
            assert canary.waiting_jobs(python, sources) == ()
        silent.settimeout(0.0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def _missing(_spec: Spec, _secrets: Secrets) -> tuple[str, ...]:
    raise ClientMissingError("check the key-value backend", why="no client library")


def _refused(_spec: Spec, _secrets: Secrets) -> tuple[str, ...]:
    raise PermanentError("use the Redis server", why="it is a replica")


def test_what_only_our_client_lacks_is_no_obstacle(
    target: Target, sentinel: RedisServer
) -> None:
    """It is a warning if Octavia's client works, and an error if that fails, too."""
    works = _with_sentinels(target, find_octavia(), sentinel, HOST)
    (warning,) = check_key_value(works, _missing)
    assert "no client library" in warning
    assert "Octavia's client works" in warning
    with pytest.raises(PermanentError, match="it is a replica"):
        check_key_value(works, _refused)
    away = _with_sentinels(target, find_octavia(), sentinel, NOBODY)
    with pytest.raises(BootstrapError, match="No master found"):
        check_key_value(away, _missing)


def test_variables_of_an_operators_shell(
    target: Target,
    etcd_with_tls: EtcdServer,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Octavia's services don't have them, so neither has what is asked for them."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("HTTPS_PROXY", f"http://{NOBODY}:9")
    pair = authority.pair("octavia")
    context = _context(
        target,
        find_octavia(),
        {
            "jobboard_backend_driver": "etcd_taskflow_driver",
            "jobboard_backend_hosts": (HOST,),
            "jobboard_backend_port": etcd_with_tls.port,
            "jobboard_etcd_ssl_options": ssl_options(authority, pair),
        },
    )
    assert all("single member" in one for one in check_key_value(context))


def test_without_octavias_python_ours_decides(target: Target) -> None:
    """In an unknown container, nobody else can be asked."""
    context = target.context()
    with pytest.raises(ClientMissingError):
        check_key_value(context, _missing)


def test_a_url_that_an_old_octavia_cannot_use(
    target: Target, tls_mariadb: MariaDB
) -> None:
    """An argument that its libraries don't know ends the job early, by its name."""
    tls_mariadb.clean()
    target.mariadb = tls_mariadb
    target.query = {"ssl_check_hostname": "false"}
    old = _context(target, find_release("8"), {})
    with pytest.raises(PermanentError, match="ssl_check_hostname") as caught:
        refuse_unusable_url(old)
    assert target.password not in str(caught.value)
    refuse_unusable_url(_context(target, find_octavia(), {}))  # no account yet
