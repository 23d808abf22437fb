# SPDX-License-Identifier: Apache-2.0
"""A real etcd server of one member."""

import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.servers.process import Server, binary, free_port, running

HOST = "127.0.0.1"


class EtcdServer(Server):
    """An etcd on ``HOST``; it keeps its data when it is restarted."""

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


def running_etcd(folder: Path) -> AbstractContextManager[EtcdServer]:
    """An etcd on private ports."""
    return running(EtcdServer(folder))


@pytest.fixture(scope="session")
def etcd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """One etcd for the whole session; each test uses its own namespace."""
    with running_etcd(tmp_path_factory.mktemp("etcd")) as server:
        yield server
