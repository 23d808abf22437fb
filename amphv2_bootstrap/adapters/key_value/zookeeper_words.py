# SPDX-License-Identifier: Apache-2.0
"""The four-letter word ``envi``, over TLS too: kazoo 2.11.0 can't send it there."""

import socket
import ssl
from collections.abc import Mapping

from amphv2_bootstrap.adapters.host.certificates import socket_warnings
from amphv2_bootstrap.spec.task_flow_group import is_true, uses_tls

_LONGEST = 65536


def environment(
    server: str, options: Mapping[str, str], timeout: float
) -> tuple[str, tuple[str, ...]]:
    """What a ZooKeeper server says of itself; ``zookeeper.version=`` is in it.

    Also warnings, full sentences, of the certificate that it shows.

    :param server: ``host:port``, IPv6 in brackets.
    :param options: ``jobboard_zookeeper_ssl_options`` with all secrets.
    :raises ssl.SSLError: the certificate of one side doesn't suit the other.
    :raises OSError: the server is unreachable or silent, or a file can't be read.
    """
    host, _, port = server.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout) as plain:
        if not uses_tls(options):
            return _conversation(plain), ()
        with _context(options).wrap_socket(plain) as encrypted:
            warnings = tuple(socket_warnings(encrypted, f"ZooKeeper ({server})"))
            return _conversation(encrypted), warnings


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    """What Octavia's kazoo uses: only authorities of the system, and no host name."""
    context = ssl.create_default_context()
    context.check_hostname = False
    if not is_true(options.get("verify_certs", True)):
        context.verify_mode = ssl.CERT_NONE
    if options.get("certfile") and options.get("keyfile"):
        context.load_cert_chain(
            options["certfile"],
            options["keyfile"],
            # A text: without one, OpenSSL would ask at the terminal.
            options.get("keyfile_password") or "",
        )
    return context


def _conversation(connection: socket.socket) -> str:
    connection.sendall(b"envi")
    answer = b""
    while (part := connection.recv(4096)) and len(answer) < _LONGEST:
        answer += part
    if not answer:
        raise ConnectionResetError("it closed the connection without an answer")
    return answer.decode(errors="replace")
