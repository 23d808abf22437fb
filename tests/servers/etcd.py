# SPDX-License-Identifier: Apache-2.0
"""A real etcd server of one member."""

import contextlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.process import Server, binary, free_port

HOST = "127.0.0.1"


class EtcdServer(Server):
    """An etcd on ``HOST``; its data outlives a restart."""

    def __init__(self, folder: Path) -> None:
        self.host = HOST
        self.port = free_port()
        client = f"http://{HOST}:{self.port}"
        peer = f"http://{HOST}:{free_port()}"
        super().__init__(
            [
                binary("etcd"),
                "--name=one",
                f"--data-dir={folder / 'data'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=one={peer}",
            ],
            log=folder / "log",
            ready=self._answers,
        )

    def _answers(self) -> bool:
        url = f"http://{self.host}:{self.port}/health"
        with urllib.request.urlopen(url, timeout=2) as answer:
            return b'"true"' in answer.read()


@contextlib.contextmanager
def running_etcd(folder: Path) -> Iterator[EtcdServer]:
    """An etcd on private ports."""
    server = EtcdServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def etcd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """One etcd for the whole session; give each test a namespace of its own."""
    with running_etcd(tmp_path_factory.mktemp("etcd")) as server:
        yield server
