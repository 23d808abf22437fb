# SPDX-License-Identifier: Apache-2.0
"""A cloud of two hosts on one machine: real processes, real servers.

Each host has its own configuration, octavia.conf, state folder and restart command.
The wrapped programs and the database server write ledgers that the product can't touch.
"""

import contextlib
import functools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amphv2_bootstrap.cmd.runtime import Runtime
from amphv2_bootstrap.conf.build import build
from amphv2_bootstrap.conf.loading import load
from amphv2_bootstrap.engine.description.report import describe
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.store import Store
from tests import DATA
from tests.servers.mariadb import MariaDB
from tests.servers.process import new_machine, wait_until

PASSWORD = "p@ss:w/o#r%d$1"
OCTAVIA_CONF = DATA / "octavia.conf"
HOSTS = ("ctl1", "ctl2")

# Notes its run in the ledger, waits while the gate file exists, then runs the real
# program. With the gate, a test can act in the middle of a step.
_WRAPPER = """\
#!/bin/sh
echo "begin $1 $$" >> {ledger}
while [ -e {gate} ]; do sleep 0.02; done
shift
{command}
status=$?
echo "end {name}" >> {ledger}
exit $status
"""


@dataclass(frozen=True)
class KeyValue:
    """The key-value backend for Octavia."""

    driver: str
    port: int
    password: str | None = None

    def options(self) -> dict[str, str]:
        found = {
            "jobboard_backend_driver": f"{self.driver}_taskflow_driver",
            "jobboard_backend_hosts": "127.0.0.1",
            "jobboard_backend_port": str(self.port),
        }
        if self.password:
            found["jobboard_backend_password"] = self.password.replace("$", "$$")
        return found


def wrap(folder: Path, home: Path, name: str, command: str) -> None:
    """Write the program ``name`` into ``home``, with its ledger and gate in ``folder``.

    Its first argument is its name in the ledger.
    """
    script = home / name
    script.write_text(
        _WRAPPER.format(
            ledger=shlex.quote(str(folder / "ledger")),
            gate=shlex.quote(str(folder / f"gate-{name}")),
            command=command,
            name=name,
        )
    )
    script.chmod(0o755)


@dataclass
class Site:
    """The folders, configurations and processes of the hosts.

    With ``apart``, a conductor can't see whether another host's process lives.
    """

    folder: Path
    mariadb: MariaDB
    key_value: KeyValue
    board: Mapping[str, str]
    engine_url: str = ""
    db_manage: str = "octavia-db-manage"
    hosts: Sequence[str] = HOSTS
    apart: bool = False
    conductors: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def ledger(self) -> list[str]:
        """The notes of the wrapped programs: ``begin NAME PID`` and ``end NAME``."""
        path = self.folder / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def begun(self, name: str) -> int:
        """How often a wrapped program has begun."""
        return sum(line.startswith(f"begin {name} ") for line in self.ledger)

    def gate(self, name: str) -> Path:
        """While this file exists, the wrapped program waits before its work."""
        return self.folder / f"gate-{name}"

    def octavia_conf(self, host: str) -> Path:
        return self.folder / host / "octavia.conf"

    def log(self, host: str) -> Path:
        return self.folder / host / "conductor.log"

    def set_up(self) -> None:
        """Write all files; start nothing."""
        for host in self.hosts:
            home = self.folder / host
            home.mkdir(parents=True)
            self.octavia_conf(host).write_bytes(OCTAVIA_CONF.read_bytes())
            wrap(self.folder, home, f"restart-{host}", "true")
            wrap(self.folder, home, "db-manage", f'{self.db_manage} "$@"')
            self.write_configuration(host)

    def configuration(self, host: str) -> dict[str, dict[str, str]]:
        """The options of one host's amphv2-bootstrap.conf by section."""
        home = self.folder / host
        octavia = {
            "config_file": str(self.octavia_conf(host)),
            "controllers": ",".join(self.hosts),
            "admin_connection": self.mariadb.root_url,
            "persistence_connection": self.persistence_connection(),
            "db_manage_command": f"{home}/db-manage db-manage",
            "python": str(Path(self.db_manage).with_name("python")),
            "services": "",
            "restart_commands": f"{home}/restart-{host} restart-{host}",
            "jobboard_expiration_time": "100",
            **self.key_value.options(),
        }
        return {
            "DEFAULT": {"host": host, "state_path": str(home / "state")},
            "task_flow": {
                "persistence_connection": self.engine_url,
                "jobboard_expiration_time": "5",
                **self.board,
            },
            "octavia": octavia,
            "conductor": {"poll_interval": "0.2", "reconcile_interval": "1"},
        }

    def persistence_connection(self, password: str = PASSWORD) -> str:
        """The URL of the persistence database for Octavia's account."""
        account = f"octavia:{quote(password, safe='')}"
        server = f"{self.mariadb.host}:{self.mariadb.port}"
        return f"mysql+pymysql://{account}@{server}/octavia_persistence"

    def use_octavias_own_account(self, host: str, server: str = "") -> None:
        """Have octavia.conf name a main database, and ours no persistence_connection.

        :param server: host and port; by default those of the real one.
        """
        url = self.persistence_connection().replace("octavia_persistence", "octavia")
        if server:
            url = f"{url.rpartition('@')[0]}@{server}/octavia"
        file = self.octavia_conf(host)
        line = re.compile(r"(?m)^connection = (sqlite|mysql).*$")
        file.write_text(line.sub(lambda _: f"connection = {url}", file.read_text()))
        self.write_configuration(host, {"octavia": {"persistence_connection": ""}})

    def write_configuration(
        self, host: str, changes: Mapping[str, Mapping[str, str]] | None = None
    ) -> Path:
        """Write one host's configuration, with changes by section and option."""
        path = self.folder / host / "amphv2-bootstrap.conf"
        lines = []
        for section, options in self.configuration(host).items():
            lines.append(f"[{section}]")
            merged = {**options, **(changes or {}).get(section, {})}
            lines += [f"{name} = {value}" for name, value in merged.items()]
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        return path

    def runtime(self, host: str) -> Runtime:
        """What a command of that host works with, in this process."""
        file = str(self.folder / host / "amphv2-bootstrap.conf")
        return Runtime(build(load(config_files=[file])))

    def command(self, host: str, *arguments: str) -> list[str]:
        config = str(self.folder / host / "amphv2-bootstrap.conf")
        module = "amphv2_bootstrap.cmd.main"
        return [sys.executable, "-m", module, "--config-file", config, *arguments]

    def daemon_command(self, host: str) -> list[str]:
        config = str(self.folder / host / "amphv2-bootstrap.conf")
        module = "amphv2_bootstrap.cmd.daemon"
        return [sys.executable, "-m", module, "--config-file", config]

    def cli(
        self, *arguments: str, host: str = "", timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``amphv2-bootstrap`` as an operator would."""
        return subprocess.run(
            self.command(host or self.hosts[0], *arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def show(self) -> dict[str, Any]:
        """The report of ``job show -f json`` on the newest job, in this process."""
        found = describe(self.store, self.store.resolve(None))
        report: dict[str, Any] = json.loads(json.dumps(found))
        return report

    @functools.cached_property
    def store(self) -> Store:
        """The engine's database."""
        return Store(Database(self.engine_url))

    def start_conductors(self) -> None:
        """Start the conductor of each host."""
        for host in self.hosts:
            self.start_conductor(host)

    def start_conductor(self, host: str) -> "subprocess.Popen[bytes]":
        argv = [*(new_machine() if self.apart else ()), *self.daemon_command(host)]
        with self.log(host).open("ab") as log:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.conductors[host] = process
        return process

    def kill(self, host: str) -> None:
        """Send SIGKILL to the conductor of ``host``, but not to its children."""
        process = self.conductors.pop(host)
        process.kill()
        process.wait()

    def holder(self) -> str | None:
        """The host with a conductor that runs a flow now."""
        flows = self.show()["flows"]
        return next((flow["running_on"] for flow in flows if flow["running_on"]), None)

    def wait_for_state(self, state: str, timeout: float = 120) -> dict[str, Any]:
        report: dict[str, Any] = {}

        def reached() -> bool:
            report.clear()
            report.update(self.show())
            return bool(report["state"] == state)

        self.wait_until(reached, f"the job is {state}", timeout)
        return report

    def wait_until_begun(self, name: str) -> None:
        """Return when a wrapped program has begun."""
        self.wait_until(lambda: self.begun(name), f"{name} has begun")

    def wait_until(
        self, condition: Callable[[], object], what: str, timeout: float = 120
    ) -> None:
        """Return when ``condition()`` is true; a failure reports job and logs."""
        wait_until(condition, what=what, timeout=timeout, state=self._describe)

    def _describe(self) -> str:
        lines = self.ledger
        if self.store.jobs():
            lines.append(json.dumps(self.show(), indent=1))
        for host in self.hosts:
            if self.log(host).exists():
                lines.append(f"--- {host}\n{self.log(host).read_text()[-6000:]}")
        return "\n".join(lines)

    def stop(self) -> None:
        """Send SIGTERM to every conductor, SIGKILL to one that does not end."""
        for process in self.conductors.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.conductors.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.conductors.clear()


@contextlib.contextmanager
def stopped_at_end(site: Site) -> Iterator[Site]:
    """Set the site up, and stop its processes afterwards."""
    site.set_up()
    try:
        yield site
    finally:
        site.stop()
        site.store.database.close()
        for host in site.hosts:
            for name in ("db-manage", f"restart-{host}"):
                site.gate(name).unlink(missing_ok=True)


MakeSite = Callable[..., Site]


@contextlib.contextmanager
def site_of_a_module(
    folder: Path, mariadb: MariaDB, octavia_bin: Path, key_value: KeyValue, **more: Any
) -> Iterator[Site]:
    """A site on SQLite and the board ``sql``, on an otherwise empty MariaDB."""
    mariadb.clean()
    site = Site(
        folder=folder / "site",
        mariadb=mariadb,
        key_value=key_value,
        board={},
        engine_url=f"sqlite:///{folder}/engine.sqlite",
        db_manage=str(octavia_bin / "octavia-db-manage"),
        **more,
    )
    with stopped_at_end(site):
        yield site
    mariadb.clean()


def steps(report: Mapping[str, Any], flow: str, host: str | None = None) -> list[Any]:
    """The steps of one flow of a report."""
    found = [
        each
        for each in report["flows"]
        if each["name"] == flow and host in (None, each["host"])
    ]
    assert len(found) == 1, report
    tasks: list[Any] = found[0]["tasks"]
    return tasks
