# SPDX-License-Identifier: Apache-2.0
"""Configures the distribution's ZooKeeper for Octavia's jobs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.host import durable_file
from amphv2_bootstrap.adapters.host.packages import Family
from amphv2_bootstrap.adapters.install.config_lines import Setting, with_setting
from amphv2_bootstrap.adapters.install.server_setup import Layout, WantedFile, place_of
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.task_flow_group import uses_tls

LAYOUTS: Mapping[Family, Layout] = {
    "debian": Layout(
        packages=("zookeeperd",),
        unit="zookeeper",
        config_files=(Path("/etc/zookeeper/conf/zoo.cfg"),),
        data_folder=Path("/var/lib/zookeeper"),
        # The package's myid in the data folder, which is ZooKeeper's, links to it.
        number_file=Path("/etc/zookeeper/conf/myid"),
    ),
    "redhat": Layout(  # as in Fedora; RHEL has no ZooKeeper
        packages=("zookeeper",),
        unit="zookeeper",
        config_files=(Path("/etc/zookeeper/zoo.cfg"),),
        data_folder=Path("/var/lib/zookeeper"),
    ),
}

_PEER_PORTS = "2888:3888"
_SERVER_LINE = re.compile(rb"[ \t]*server\.\d+\s*=")


@dataclass(frozen=True, slots=True)
class ZooKeeper:
    """Server ``number`` (from 1) of ``servers``; it listens on ``address``."""

    address: str
    port: int
    servers: tuple[str, ...]
    number: int

    def settings(self, data_folder: Path) -> tuple[Setting, ...]:
        """The wanted lines of zoo.cfg.

        They disable the admin server, which would use port 8080 of the controller, and
        enable the purge of old snapshots.
        """
        plain = {
            "tickTime": "2000",
            "initLimit": "10",
            "syncLimit": "5",
            "dataDir": str(data_folder),
            "clientPort": str(self.port),
            "clientPortAddress": self.address,
            "autopurge.snapRetainCount": "3",
            "autopurge.purgeInterval": "24",
            "admin.enableServer": "false",
            # taskflow's jobboard reads the version by "envi".
            "4lw.commands.whitelist": "envi,srvr",
            **self._ensemble(),
        }
        return tuple(
            Setting(re.escape(name), f"{name}={value}", separator=r"\s*=")
            for name, value in plain.items()
        )

    def _ensemble(self) -> dict[str, str]:
        if len(self.servers) == 1:
            return {}
        return {
            f"server.{number}": f"{_bracketed(server)}:{_PEER_PORTS}"
            for number, server in enumerate(self.servers, start=1)
        }


def wanted(spec: Spec, secrets: Secrets, host: str) -> ZooKeeper:
    """The server that ``spec`` wants on ``host``; ZooKeeper has no password.

    :raises PermanentError: TLS is wanted, or ``host`` isn't a server's host.
    """
    if uses_tls(spec.task_flow.get("jobboard_zookeeper_ssl_options")):
        raise PermanentError(
            "set up the ZooKeeper server",
            why="it needs certificates for TLS",
            todo="Set it up by hand, with install_key_value_backend = false.",
        )
    place, servers = place_of(spec, host), spec.key_value_servers
    names = tuple(name for name, _ in servers)
    return ZooKeeper(place.address, servers[0][1], names, place.number)


def wanted_files(layout: Layout, zookeeper: ZooKeeper) -> tuple[WantedFile, ...]:
    """The existing zoo.cfg with the wanted lines, and ``myid``.

    :raises PermanentError: zoo.cfg can't be read.
    """
    settings = zookeeper.settings(layout.data_folder)
    content = _without_other_servers(
        durable_file.read(str(layout.config_file)), settings
    )
    for setting in settings:
        content = with_setting(content, setting)
    number_file = layout.number_file or layout.data_folder / "myid"
    return (
        WantedFile(layout.config_file, content),
        WantedFile(number_file, f"{zookeeper.number}\n".encode()),
    )


def _without_other_servers(text: bytes, settings: tuple[Setting, ...]) -> bytes:
    """Drop servers that no longer belong to the ensemble."""
    wanted = [re.compile(rb"[ \t]*" + s.name.encode() + rb"\s*=") for s in settings]
    return b"".join(
        line
        for line in text.splitlines(keepends=True)
        if not _SERVER_LINE.match(line) or any(name.match(line) for name in wanted)
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
