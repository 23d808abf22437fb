# SPDX-License-Identifier: Apache-2.0
"""The files of one host: octavia.conf, ours, and programs that note their runs."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from tests.functional.site import OCTAVIA_CONF, wrap
from tests.lab import key_value
from tests.lab.galera import ENGINE_PASSWORD
from tests.lab.machine import VIRTUAL
from tests.servers.certificates import Tls
from tests.servers.mariadb import ROOT_PASSWORD, tls_arguments

OCTAVIA_PASSWORD = "p@ss:w/o#r%d$1"

Addresses = Mapping[str, str]
"""The addresses of the hosts by their names."""


def database_url(
    user: str, password: str, database: str, tls: Tls | None = None
) -> str:
    """A URL that leads through the load balancer, as in a configuration file."""
    account = f"{user}:{quote(password, safe='')}"
    url = f"mysql+pymysql://{account}@{VIRTUAL}/{database}"
    if tls is None:
        return url
    return f"{url}?{urlencode(tls_arguments(tls.authority, tls.client), safe='/')}"


@dataclass(frozen=True)
class Configuration:
    """What the configurations of all hosts have in common.

    ``driver`` is the kind of key-value backend for Octavia, ``board`` the engine's own
    jobboard: ``sql``, or the same kind. ``changes`` are more options by section.
    ``tls`` is what a client has, if all servers ask for a certificate.
    """

    folder: Path
    addresses: Addresses
    board: str
    driver: str
    octavia: Path
    changes: Mapping[str, Mapping[str, str]]
    tls: Tls | None = None

    def home(self, host: str) -> Path:
        return self.folder / host

    def path(self, host: str) -> Path:
        """amphv2-bootstrap.conf of the host."""
        return self.home(host) / "amphv2-bootstrap.conf"

    def octavia_conf(self, host: str) -> Path:
        return self.home(host) / "octavia.conf"

    def install(self, host: str) -> None:
        """Write all files of a host."""
        self.octavia_conf(host).write_bytes(OCTAVIA_CONF.read_bytes())
        program = self.octavia / "bin" / "octavia-db-manage"
        wrap(self.folder, self.home(host), "db-manage", f'{program} "$@"')
        wrap(self.folder, self.home(host), f"restart-{host}", "true")
        self.write(host)

    def write(self, host: str) -> None:
        """Write amphv2-bootstrap.conf."""
        lines = []
        for section, options in self._sections(host).items():
            lines.append(f"[{section}]")
            merged = {**options, **self.changes.get(section, {})}
            lines += [f"{name} = {value}" for name, value in merged.items()]
        self.path(host).touch(mode=0o600)
        self.path(host).write_text("\n".join(lines) + "\n")

    def _sections(self, host: str) -> dict[str, dict[str, str]]:
        home = self.home(host)
        members = list(self.addresses.values())
        # Octavia knows one etcd only, so that is the load balancer.
        known = [VIRTUAL] if self.driver == "etcd" else members
        board = {}
        if self.board != "sql":
            board = key_value.options(self.driver, members, self.tls)
        url = functools.partial(database_url, tls=self.tls)
        octavia = {
            "config_file": str(self.octavia_conf(host)),
            "controllers": ",".join(self.addresses),
            "admin_connection": url("root", ROOT_PASSWORD, ""),
            "persistence_connection": url(
                "octavia", OCTAVIA_PASSWORD, "octavia_persistence"
            ),
            "db_manage_command": f"{home}/db-manage db-manage",
            "python": str(self.octavia / "bin" / "python"),
            "services": "",
            "restart_commands": f"{home}/restart-{host} restart-{host}",
            **key_value.options(self.driver, known, self.tls),
        }
        if self.driver != "zookeeper":
            octavia["jobboard_expiration_time"] = "100"
        return {
            "DEFAULT": {"host": host, "state_path": str(home / "state")},
            "task_flow": {
                "persistence_connection": url(
                    "amphv2", ENGINE_PASSWORD, "amphv2_engine"
                ),
                **board,
            },
            "octavia": octavia,
        }
