# SPDX-License-Identifier: Apache-2.0
"""The control plane of three hosts: bring it up, break it, look at it."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.engine.storage.database import Database
from amphv2_bootstrap.engine.storage.store import Store
from amphv2_bootstrap.errors import BootstrapError
from tests.lab import galera, key_value
from tests.lab.conductor import CONDUCTOR, GATES, HOST, LEDGER
from tests.lab.configuration import Configuration
from tests.lab.machine import VIRTUAL, Machine, Service, build_bridge, remove_bridge
from tests.servers.certificates import Authority, Tls
from tests.servers.mariadb import ROOT_PASSWORD
from tests.servers.octavia import find_octavia
from tests.servers.process import binary, wait_until

HOSTS = ("ctl1", "ctl2", "ctl3")


@dataclass
class Host:
    """One control plane host and its services, by name."""

    machine: Machine
    node: galera.Node
    services: dict[str, Service]
    answers: Mapping[str, Callable[[], bool]]
    leads: Callable[[], bool]

    @property
    def name(self) -> str:
        return self.machine.name

    def start(self) -> None:
        """Switch the host on; it starts its services."""
        self.machine.power_on()
        for service in self.services.values():
            service.start()

    def unready(self) -> list[str]:
        """The services that don't serve, or see less than the whole ensemble."""
        return [name for name, answers in self.answers.items() if not _is_up(answers)]

    @property
    def roles(self) -> str:
        """The host's name, with what others depend on."""
        found = {"writer": lambda: self.node.is_written_to, "leader": self.leads}
        names = ", ".join(name for name, has in found.items() if _is_up(has))
        return f"{self.name} ({names})" if names else self.name

    def log(self) -> str:
        """The end of the conductor's log."""
        path = self.services["conductor"].log
        return path.read_text(errors="replace")[-8000:] if path.exists() else ""


def _is_up(answers: Callable[[], bool]) -> bool:
    with contextlib.suppress(Exception):
        return answers()
    return False


@dataclass
class Lab:
    """The hosts, in the order in which HAProxy prefers them as the writer.

    :param board: the engine's jobboard.
    :param fail_back_closes: see :func:`tests.lab.galera.proxy_configuration`.
    :param tls: all servers speak TLS only, and ask for a certificate.
    """

    folder: Path
    board: str
    fail_back_closes: bool = True
    tls: bool = False
    changes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)

    @property
    def driver(self) -> str:
        """The kind of the key-value ensemble; etcd is the fastest one to move."""
        return "etcd" if self.board == "sql" else self.board

    @property
    def ledger(self) -> Path:
        return self.folder / "steps"

    @property
    def programs(self) -> Path:
        return self.folder / "ledger"

    @property
    def programs_begun(self) -> str:
        """The ledger of octavia-db-manage and of the restarts."""
        return self.programs.read_text() if self.programs.exists() else ""

    @property
    def proxy_configuration(self) -> Path:
        return self.folder / "haproxy.cfg"

    @property
    def gates(self) -> Path:
        return self.folder

    def up(self) -> None:
        """Start everything, in a network namespace that has nothing else."""
        build_bridge()
        self._install()
        waiting = {
            name: host.services.pop("conductor") for name, host in self.hosts.items()
        }
        for host in self.hosts.values():
            host.start()
        self.wait_until_whole()
        self.cli("db", "upgrade")
        for name, conductor in waiting.items():
            self.hosts[name].services["conductor"] = conductor
            conductor.start()

    def _install(self) -> None:
        template = self.folder / "template"
        galera.make_template(template, tls=self.tls)
        machines = [Machine(name, 1 + at) for at, name in enumerate(HOSTS)]
        addresses = {machine.name: machine.address for machine in machines}
        certificates = self._certificates(machines) if self.tls else {}
        self.configuration = Configuration(
            folder=self.folder,
            addresses=addresses,
            board=self.board,
            driver=self.driver,
            octavia=find_octavia(),
            changes=self.changes,
            tls=certificates.get(HOSTS[0]),
        )
        text = galera.proxy_configuration(self.fail_back_closes, tls=self.tls)
        self.proxy_configuration.write_text(text)
        for machine in machines:
            self.hosts[machine.name] = self._install_host(
                machine, machines, template, certificates.get(machine.name)
            )
        shutil.rmtree(template)

    def _certificates(self, machines: Sequence[Machine]) -> dict[str, Tls]:
        """Each host's, for its address and that of its load balancer."""
        authority = Authority(self.folder / "certificates")
        client = authority.pair("client")
        return {
            one.name: Tls(
                authority, authority.pair(one.name, [one.address, VIRTUAL]), client
            )
            for one in machines
        }

    def _install_host(
        self,
        machine: Machine,
        machines: Sequence[Machine],
        template: Path,
        tls: Tls | None,
    ) -> Host:
        home = self.folder / machine.name
        (home / "mysql").mkdir(parents=True)
        first = machine is machines[0]
        peers = [one.address for one in machines]
        node = galera.Node(machine.name, machine.address, home / "mysql", peers, tls)
        node.install(template)
        place = (self.driver, machine, home / "key-value", machines, tls)
        key_value.install(*place)
        self.configuration.install(machine.name)
        found = key_value.programs(*place)
        commands = {
            "galera": node.argv(first=first),
            "galera-check": _module(galera.CHECK, node.address, node.folder),
            "haproxy": [binary("haproxy"), "-db", "-f", str(self.proxy_configuration)],
            **{program.name: program.argv for program in found},
            "conductor": _module(
                CONDUCTOR,
                *("--config-file", self.configuration.path(machine.name)),
            ),
        }
        services = {
            name: Service(machine, name, argv, home / f"{name}.log", self._env(machine))
            for name, argv in commands.items()
        }
        answers = {program.name: program.answers for program in found}
        return Host(
            machine,
            node,
            services,
            {"galera": lambda: node.is_synced, **answers},
            lambda: key_value.is_leader(self.driver, machine, tls),
        )

    def _env(self, machine: Machine) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(__file__).parent}:{os.environ['PATH']}",  # wsrep_sst_lab
            LEDGER: str(self.ledger),
            GATES: str(self.gates),
            HOST: machine.name,
        }

    def wait_until_whole(self, *names: str, timeout: float = 120.0) -> None:
        """Return when every host, or each of these, serves and sees all others."""
        hosts = [self.hosts[name] for name in names or self.hosts]
        wait_until(
            lambda: not self._unready(hosts),
            what="the hosts are whole",
            timeout=timeout,
            state=lambda: self._unready(hosts),
        )
        # Only the first start of the first node begins the cluster.
        for host in hosts:
            host.services["galera"].argv = host.node.argv()

    def _unready(self, hosts: Sequence[Host]) -> dict[str, list[str]]:
        found = {host.name: host.unready() for host in hosts}
        return {name: services for name, services in found.items() if services}

    def down(self) -> None:
        """Switch all hosts off; the namespaces go with their last process."""
        for host in self.hosts.values():
            if host.machine.is_on:
                host.machine.power_off()
        remove_bridge()

    @property
    def running(self) -> list[Host]:
        return [host for host in self.hosts.values() if host.machine.is_on]

    def cli(self, *arguments: str, host: str = "", timeout: float = 300) -> str:
        """Run ``amphv2-bootstrap`` on a host; return its output.

        :param host: by default the first that is switched on.
        :raises LabError: it failed.
        """
        where = self.hosts[host] if host else self.running[0]
        config = self.configuration.path(where.name)
        argv = _module("amphv2_bootstrap.cmd.main", "--config-file", config, *arguments)
        done = subprocess.run(
            where.machine.inside(argv),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            what = f"amphv2-bootstrap {' '.join(arguments)} on {where.name}"
            raise LabError(
                f"{what}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """The engine's database, read from any node that answers."""
        for host in self.running:
            if host.node.is_synced:
                url = (
                    f"mysql+pymysql://root:{quote(ROOT_PASSWORD, safe='')}@localhost/"
                    f"amphv2_engine?unix_socket={host.node.socket}"
                )
                with contextlib.closing(Database(url)) as database:
                    yield Store(database)
                return
        raise NoNodeError


class LabError(Exception):
    """The lab can't do what was asked for."""


class NoNodeError(LabError):
    """No Galera node answers."""


UNREACHABLE = (BootstrapError, DatabaseError, NoNodeError, OSError)
"""What :meth:`Lab.store` and its use raise during an outage."""


def _module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", name, *map(str, arguments)]
