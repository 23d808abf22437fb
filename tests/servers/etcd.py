# SPDX-License-Identifier: Apache-2.0
"""Real etcd servers: one alone, or the members of a cluster."""

import contextlib
import socket
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.certificates import Authority, Pair
from tests.servers.process import Server, binary, free_port, running, wait_until

HOST = "127.0.0.1"
CLUSTER = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class EtcdServer(Server):
    """An etcd on ``host``; it keeps its data when it is restarted.

    :param peers: the members of its cluster, each with the URL for its peers. Such a
        member answers when the majority of them runs; by default it is alone.
    :param authority: signs its certificate. It then speaks only TLS, and only with
        clients that have a certificate of this authority, too.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = HOST,
        port: int = 0,
        peers: Mapping[str, str] | None = None,
        authority: Authority | None = None,
    ) -> None:
        self.host = host
        self.port = port or free_port()
        self._authority = authority
        client = f"{'https' if authority else 'http'}://{host}:{self.port}"
        members = peers or {host: f"http://{host}:{free_port()}"}
        super().__init__(
            [
                binary("etcd"),
                f"--name={host}",
                f"--data-dir={folder / 'data'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={members[host]}",
                f"--initial-advertise-peer-urls={members[host]}",
                "--initial-cluster="
                + ",".join(f"{name}={url}" for name, url in members.items()),
                *_encrypting(authority),
            ],
            log=folder / "log",
            ready=self.answers if peers is None else lambda: True,
        )

    def answers(self) -> bool:
        """Whether it is part of a majority."""
        url, context = f"http://{self.host}:{self.port}/health", None
        if self._authority is not None:
            url, context = url.replace("http", "https"), self._authority.context()
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(url, timeout=2, context=context) as answer,
        ):
            return b'"true"' in answer.read()
        return False


def _encrypting(authority: Authority | None) -> Sequence[str]:
    if authority is None:
        return ()
    return tls_options(authority, authority.pair("etcd", [HOST]))


def ssl_options(authority: Authority, client: Pair) -> dict[str, str]:
    """The options of Octavia and taskflow for a client of such a server."""
    return {
        "use_ssl": "True",
        "ca_cert": str(authority.file),
        "cert_cert": str(client.certificate),
        "cert_key": str(client.key),
    }


def tls_options(authority: Authority, pair: Pair, of: str = "") -> Sequence[str]:
    """Options of ``etcd``: it speaks TLS only, and asks for a certificate.

    :param of: ``peer-`` for what it speaks with the other members.
    """
    return (
        f"--{of}cert-file={pair.certificate}",
        f"--{of}key-file={pair.key}",
        f"--{of}trusted-ca-file={authority.file}",
        f"--{of}client-cert-auth",
    )


def running_etcd(folder: Path, **options: Any) -> AbstractContextManager[EtcdServer]:
    """An etcd on private ports.

    :param options: arguments of :class:`EtcdServer`.
    """
    return running(EtcdServer(folder, **options))


@contextlib.contextmanager
def running_etcd_cluster(folder: Path) -> Iterator[Sequence[EtcdServer]]:
    """Three members that listen on the same port of three loopback addresses."""
    port, peer_port = _port_of_all(), _port_of_all()
    peers = {host: f"http://{host}:{peer_port}" for host in CLUSTER}
    with contextlib.ExitStack() as stack:
        members = []
        for host in CLUSTER:
            (folder / host).mkdir()
            member = EtcdServer(folder / host, host=host, port=port, peers=peers)
            members.append(stack.enter_context(running(member)))
        for member in members:
            wait_until(member.answers, what=f"the member {member.host} answers")
        yield members


def _port_of_all() -> int:
    """A port that is free on each address of the cluster."""
    while True:
        port = free_port()
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for host in CLUSTER:
                probes.enter_context(socket.create_server((host, port)))
            return port


@pytest.fixture(scope="session")
def etcd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """One etcd for the whole session; each test uses its own namespace."""
    with running_etcd(tmp_path_factory.mktemp("etcd")) as server:
        yield server


@pytest.fixture(scope="session")
def etcd_with_tls(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[EtcdServer]:
    """It has the name 127.0.0.1, and asks its clients for a certificate."""
    folder = tmp_path_factory.mktemp("etcd-tls")
    with running_etcd(folder, authority=authority) as server:
        yield server
