# SPDX-License-Identifier: Apache-2.0
"""A real ZooKeeper server that expires sessions soon."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.servers.certificates import Authority
from tests.servers.process import Server, binary, free_port, running

HOST = "127.0.0.1"
JAR = Path("/usr/share/java/zookeeper.jar")
NETTY = JAR.with_name("netty-codec.jar")
"""Debian's zookeeper.jar needs it for TLS, and doesn't name it."""


class ZookeeperServer(Server):
    """A ZooKeeper on ``HOST``; it keeps its data when it is restarted.

    :param words: the four-letter commands that it answers; Debian's answers srvr.
    :param tick: its unit of time for the end of sessions, in milliseconds.
    :param longest: the longest session timeout that it grants, in milliseconds.
    :param authority: signs its certificate. It then speaks only TLS, and only with
        clients that have a certificate of this authority, too.
    """

    def __init__(
        self,
        folder: Path,
        *,
        words: str = "*",
        tick: int = 250,
        longest: int = 60_000,
        authority: Authority | None = None,
    ) -> None:
        self.host = HOST
        self.port = free_port()
        self._authority = authority
        config = folder / "zoo.cfg"
        config.write_text(
            f"dataDir={folder}\n"
            f"{_listening(self.port, authority)}"
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
                f"{JAR}:{NETTY}",
                "org.apache.zookeeper.server.ZooKeeperServerMain",
                str(config),
            ],
            log=folder / "log",
            ready=self._answers,
        )

    def _answers(self) -> bool:
        with self._connected() as conversation:
            # "ruok" is answered before the server accepts sessions.
            conversation.sendall(b"srvr")
            return b"Mode: standalone" in conversation.makefile("rb").read()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.create_connection((self.host, self.port), 2) as plain:
            if self._authority is None:
                yield plain
                return
            context = self._authority.context()
            with context.wrap_socket(plain, server_hostname=self.host) as encrypted:
                yield encrypted


def _listening(port: int, authority: Authority | None) -> str:
    if authority is None:
        return f"clientPort={port}\nclientPortAddress={HOST}\n"
    pair = authority.pair("zookeeper", [HOST])
    # Java reads certificate and key from one file.
    store = pair.certificate.with_suffix(".both.pem")
    store.touch(mode=0o600)
    store.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
    return (
        f"secureClientPort={port}\n"
        f"secureClientPortAddress={HOST}\n"
        "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n"
        "authProvider.x509="
        "org.apache.zookeeper.server.auth.X509AuthenticationProvider\n"
        f"ssl.keyStore.location={store}\n"
        f"ssl.trustStore.location={authority.file}\n"
        "ssl.clientAuth=need\n"
    )


@contextlib.contextmanager
def zookeeper_client(port: int) -> Iterator[KazooClient]:
    """A connected client, closed at the end."""
    client = KazooClient(f"{HOST}:{port}")
    client.start(timeout=20)
    try:
        yield client
    finally:
        client.stop()
        client.close()


def running_zookeeper(
    folder: Path, **options: Any
) -> AbstractContextManager[ZookeeperServer]:
    """A ZooKeeper on a private port, by default with session timeouts of 0.5 to 60 s.

    :param options: arguments of :class:`ZookeeperServer`.
    """
    if not JAR.exists():
        binary("zookeeper")
    return running(ZookeeperServer(folder, **options))


@pytest.fixture(scope="session")
def zookeeper_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ZookeeperServer]:
    """One ZooKeeper for the whole session; each test uses its own path."""
    with running_zookeeper(tmp_path_factory.mktemp("zookeeper")) as server:
        yield server


@pytest.fixture(scope="session")
def zookeeper_with_tls(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[ZookeeperServer]:
    """It has the name 127.0.0.1, and asks its clients for a certificate."""
    folder = tmp_path_factory.mktemp("zookeeper-tls")
    with running_zookeeper(folder, authority=authority) as server:
        yield server
