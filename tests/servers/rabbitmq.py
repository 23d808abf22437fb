# SPDX-License-Identifier: Apache-2.0
"""A real RabbitMQ broker with its own Erlang port mapper."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.process import Server, binary, free_port, running

HOST = "127.0.0.1"
USER = "octavia"
PASSWORD = "rabbit-password"
# Debian's program on the PATH changes from root to a system account. These programs
# run as the user that starts them.
PROGRAMS = "/usr/lib/rabbitmq/bin"
_CONFIGURATION = """\
listeners.tcp.1 = {host}:{port}
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 1MB
vm_memory_high_watermark.absolute = 512MB
log.console = true
log.console.level = warning
log.file = false
"""


class RabbitMQServer(Server):
    """A broker of one node on ``HOST``; it writes into ``folder`` only."""

    def __init__(self, folder: Path) -> None:
        self.host = HOST
        self.port = free_port()
        self.user = USER
        self.password = PASSWORD
        mapper = free_port()
        config = folder / "rabbitmq.conf"
        config.write_text(
            _CONFIGURATION.format(
                host=HOST, port=self.port, user=USER, password=PASSWORD
            )
        )
        env = _environment(folder, config, mapper)
        self.epmd = Server(
            [binary("epmd"), "-address", HOST, "-port", str(mapper)],
            log=folder / "epmd.log",
            ready=lambda: _accepts(mapper),
        )
        search = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
        program = shutil.which("rabbitmq-server", path=search)
        super().__init__(
            [program or binary("rabbitmq-server")],
            log=folder / "log",
            ready=self._answers,
            env=env,
            cwd=folder,
        )

    @property
    def transport_url(self) -> str:
        """The option ``transport_url`` of oslo.messaging."""
        return f"rabbit://{self.user}:{self.password}@{self.host}:{self.port}/"

    def start(self) -> None:
        self.epmd.start()
        super().start()

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            self.epmd.stop()

    def _answers(self) -> bool:
        with socket.create_connection((self.host, self.port), 2) as conversation:
            conversation.sendall(b"AMQP\x00\x00\x09\x01")
            # A method frame: connection.start.
            return conversation.recv(1) == b"\x01"


def _environment(folder: Path, config: Path, mapper: int) -> dict[str, str]:
    """Keep the broker's files in ``folder``, and its ports on loopback."""
    return {
        "HOME": str(folder),  # the Erlang cookie
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": str(mapper),
        "RABBITMQ_ALLOW_INPUT": "true",  # the broker is our own child, not a shell's
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_NODENAME": f"test{mapper}@localhost",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-noinput +S 1:1 -kernel inet_dist_use_interface {127,0,0,1}"
        ),
    }


def _accepts(port: int) -> bool:
    with socket.create_connection((HOST, port), 2):
        return True


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitMQServer]:
    """One broker for the whole session; tests use queues that are deleted on disuse."""
    with (
        tempfile.TemporaryDirectory(
            prefix="rabbitmq-", ignore_cleanup_errors=True
        ) as folder,
        running(RabbitMQServer(Path(folder))) as server,
    ):
        yield server
