# SPDX-License-Identifier: Apache-2.0
"""HAProxy before the APIs of a cloud, and what takes one of them out of it."""

import shlex
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tests import REPOSITORY
from tests.servers.process import Server, binary, free_port

HOST = "127.0.0.1"
_HOOK = REPOSITORY / "etc" / "haproxy" / "haproxy-server"
_LINES = """\
global
    stats socket ipv4@{address}:{admin_port} level admin

defaults
    mode tcp
    timeout connect 2s
    timeout queue 60s
    timeout client 90s
    timeout server 90s

listen octavia
    bind {address}:{port}
    balance roundrobin
    # An API that refuses the connection gets no request: the next one does.
    retries 3
    option redispatch 1
    # octavia-api serves one request at a time: what waits for it, waits here.
    default-server maxconn 1 check inter 200ms fall 1 rise 1
"""


class Proxy(Server):
    """HAProxy; its servers have the names of the hosts.

    :param folder: of its configuration and log.
    :param apis: the port of each host's API.
    """

    def __init__(self, folder: Path, apis: Mapping[str, int]) -> None:
        self._apis = apis
        self._configuration = folder / "haproxy.cfg"
        self._port = free_port()
        self._admin_port = free_port()
        super().__init__(
            [binary("haproxy"), "-db", "-f", str(self._configuration)],
            log=folder / "haproxy.log",
            ready=lambda: _accepts(self._port),
        )

    @property
    def url(self) -> str:
        """Where the clients send their requests."""
        return f"http://{HOST}:{self._port}"

    def configure(self) -> None:
        """Write the configuration; call it before :meth:`start`."""
        ports = {"port": self._port, "admin_port": self._admin_port}
        lines = [_LINES.format(address=HOST, **ports)]
        for host, port in self._apis.items():
            lines.append(f"    server {host} {HOST}:{port}\n")
        self._configuration.write_text("".join(lines))

    def hook(self, action: Literal["out", "in"], host: str) -> str:
        """The command that takes a host's API out, or puts it back."""
        admin = f"TCP:{HOST}:{self._admin_port}"
        return shlex.join([str(_HOOK), action, f"octavia/{host}", admin])


def _accepts(port: int) -> bool:
    with socket.create_connection((HOST, port), 2):
        return True
