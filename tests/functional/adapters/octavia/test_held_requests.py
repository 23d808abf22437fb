# SPDX-License-Identifier: Apache-2.0
"""What becomes of the requests that come while a worker of Octavia stops."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from amphv2_bootstrap.adapters.octavia.held_requests import held_requests
from amphv2_bootstrap.spec.masking import Masker
from tests.servers.process import Server, wait_until
from tests.servers.rabbitmq import PASSWORD, RabbitMQServer

_PROGRAM = Path(__file__).with_name("rpc.py")
_CONFIGURATION = """\
[DEFAULT]
transport_url = {url}
# A worker prints the requests in the order in which it got them.
executor_thread_pool_size = 1

[oslo_messaging_rabbit]
amqp_auto_delete = True
"""
_MEANWHILE = [f"meanwhile-{number}" for number in range(12)]


class Workers:
    """Octavia's queue with two workers, and a client."""

    def __init__(self, folder: Path, url: str, python: str) -> None:
        self.folder, self.python = folder, python
        self.conf = folder / "octavia.conf"
        self.conf.write_text(_CONFIGURATION.format(url=url))
        self.gate = folder / "gate"
        self._pipes: tuple[IO[str], IO[str]]

    def worker(self, host: str) -> Server:
        log = self.folder / host
        return Server(
            [*self._argv("work"), host, str(self.gate)],
            log=log,
            ready=lambda: "ready" in log.read_text(),
        )

    def got(self, host: str) -> list[str]:
        return (self.folder / host).read_text().splitlines()

    def await_line(self, host: str, line: str) -> None:
        wait_until(lambda: line in self.got(host), what=f"{host}: {line}", timeout=60)

    @contextlib.contextmanager
    def client(self) -> Iterator[None]:
        argv, pipe = self._argv("send"), subprocess.PIPE
        with subprocess.Popen(argv, text=True, stdin=pipe, stdout=pipe) as client:
            assert client.stdin
            assert client.stdout
            self._pipes = (client.stdin, client.stdout)
            yield

    def send(self, *names: str) -> None:
        """Return when the broker has them."""
        for name in names:
            self._pipes[0].write(f"{name}\n")
            self._pipes[0].flush()
            assert self._pipes[1].readline() == "sent\n"

    def _argv(self, verb: str) -> list[str]:
        return [self.python, "-W", "ignore", str(_PROGRAM), str(self.conf), verb]


@pytest.fixture
def workers(
    tmp_path: Path, rabbitmq_server: RabbitMQServer, octavia_python_path: str
) -> Workers:
    return Workers(tmp_path, rabbitmq_server.transport_url, octavia_python_path)


@contextlib.contextmanager
def one_stopped(
    workers: Workers, holding: contextlib.AbstractContextManager[object]
) -> Iterator[None]:
    """Of two workers, one was stopped while it had work; requests came meanwhile."""
    stopping, other = workers.worker("stopping"), workers.worker("other")
    with contextlib.ExitStack() as stack:
        stopping.start()
        stack.callback(stopping.kill)
        stack.enter_context(workers.client())
        workers.send("under-way")
        workers.await_line("stopping", "under-way")
        other.start()
        stack.callback(other.kill)
        with holding as why:
            assert not why
            os.kill(stopping.pid, signal.SIGTERM)
            workers.await_line("stopping", "stopping")
            workers.send(*_MEANWHILE)
            workers.gate.touch()
            workers.await_line("stopping", "stopped")
        yield


def test_a_stopping_worker_loses_requests(workers: Workers) -> None:
    """oslo.messaging acknowledges them while it closes, and drops them: the cause.

    If this fails, it has been fixed there.
    """
    with one_stopped(workers, contextlib.nullcontext()):
        workers.send("last")
        workers.await_line("other", "last")
        assert not {*_MEANWHILE} <= {*workers.got("other")}


def test_held_requests_reach_the_other_worker(workers: Workers) -> None:
    """RabbitMQ gives them to it at the end, each once, in their order."""
    holding = held_requests(workers.python, [str(workers.conf)], masker=Masker())
    with one_stopped(workers, holding):
        workers.await_line("other", _MEANWHILE[-1])
        assert [one for one in workers.got("other") if one in _MEANWHILE] == _MEANWHILE


def test_without_a_queue_nothing_is_held(workers: Workers) -> None:
    """No worker has ever run: that is no reason for a warning."""
    with held_requests(workers.python, [str(workers.conf)], masker=Masker()) as why:
        assert not why


def test_a_refused_login_is_a_reason(workers: Workers) -> None:
    """The restart goes on after a bounded time; the reason shows no password."""
    text = workers.conf.read_text().replace(PASSWORD, "wr0ng-password")
    workers.conf.write_text(text)
    with held_requests(workers.python, [str(workers.conf)], masker=Masker()) as why:
        assert why
        assert "wr0ng" not in why
