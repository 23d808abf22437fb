# SPDX-License-Identifier: Apache-2.0
"""A real ZooKeeper server, small and quick to expire sessions."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.servers.process import Server, binary, free_port

HOST = "127.0.0.1"
JAR = Path("/usr/share/java/zookeeper.jar")


class ZookeeperServer(Server):
    """A ZooKeeper on ``HOST``; its data outlives a restart.

    ``tick``: milliseconds, in which it reckons when sessions end. ``longest``: the
    most that it grants a session, in milliseconds.
    """

    def __init__(
        self, folder: Path, *, words: str = "*", tick: int = 250, longest: int = 60_000
    ) -> None:
        self.host = HOST
        self.port = free_port()
        config = folder / "zoo.cfg"
        config.write_text(
            f"dataDir={folder}\n"
            f"clientPort={self.port}\n"
            f"clientPortAddress={HOST}\n"
            f"tickTime={tick}\n"
            f"minSessionTimeout={2 * tick}\n"
            f"maxSessionTimeout={longest}\n"
            "admin.enableServer=false\n"
            f"4lw.commands.whitelist={words}\n"
        )
        super().__init__(
            [
                binary("java"),
                "-Xmx64m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                str(JAR),
                "org.apache.zookeeper.server.ZooKeeperServerMain",
                str(config),
            ],
            log=folder / "log",
            ready=self._answers,
        )

    def _answers(self) -> bool:
        with socket.create_connection((self.host, self.port), 2) as conversation:
            # "ruok" says yes before sessions are served.
            conversation.sendall(b"srvr")
            return b"Mode: standalone" in conversation.makefile("rb").read()


@contextlib.contextmanager
def zookeeper_client(port: int) -> Iterator[KazooClient]:
    """A connected client, that leaves nothing behind."""
    client = KazooClient(f"{HOST}:{port}")
    client.start(timeout=20)
    try:
        yield client
    finally:
        client.stop()
        client.close()


@contextlib.contextmanager
def running_zookeeper(folder: Path, **options: Any) -> Iterator[ZookeeperServer]:
    """A ZooKeeper on a private port, with session timeouts from 0.5 to 60 s.

    ``words`` are the four-letter words that it answers; Debian's answers srvr.
    """
    if not JAR.exists():
        binary("zookeeper")
    server = ZookeeperServer(folder, **options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def zookeeper_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ZookeeperServer]:
    """One ZooKeeper for the whole session; give each test a path of its own."""
    with running_zookeeper(tmp_path_factory.mktemp("zookeeper")) as server:
        yield server
