# SPDX-License-Identifier: Apache-2.0
"""A cloud of hosts with real Octavia, each a pid namespace with its own first process.

HAProxy spreads the clients over the APIs. The conductors, Octavia's services, and the
programs that restart them run on their host, and end when it is killed.
"""

import contextlib
import json
import os
import re
import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import REPOSITORY
from tests.functional.octavia_cloud import HOST, OctaviaCloud
from tests.functional.rollout.proxy import Proxy
from tests.functional.rollout.traffic import Traffic
from tests.functional.rollout.watch import Watch
from tests.functional.site import Site
from tests.servers.process import Server, free_port, new_machine
from tests.servers.rabbitmq import RabbitMQServer

_HERE = Path(__file__).parent
_INIT = _HERE / "init.py"
_ENTRY_POINT = """\
[octavia.compute.drivers]
compute_slow_driver = slow_compute:SlowComputeDriver
"""
_HEALTH_MANAGER = """
[health_manager]
bind_ip = {address}
bind_port = {port}
# The amphorae of no-op drivers send nothing.
heartbeat_timeout = 86400
"""
_MESSAGE = re.compile(r"(?:Creating|Deleting) load balancer '([0-9a-f-]{36})'")


@dataclass(frozen=True)
class Pace:
    """How long Octavia takes, and what it is granted.

    :param boot: seconds that a virtual machine boots.
    :param stop: seconds from SIGTERM to SIGKILL of a service.
    :param pausing: the same of the health manager: it doesn't end before its first
        check, which comes after its heartbeat_timeout.
    """

    boot: float
    stop: float
    pausing: float = 3
    clients: int = 4
    services: Sequence[str] = (
        "octavia-api",
        "octavia-housekeeping",
        "octavia-health-manager",
        "octavia-worker",
    )


class RolloutCloud(OctaviaCloud):
    """Octavia on each host of a site, behind a proxy, without a jobboard at first."""

    compute_driver = "compute_slow_driver"
    topology = "SINGLE"
    auto_delete = "False"  # as by default: messages wait for the next worker

    def __init__(self, site: Site, rabbitmq: RabbitMQServer, pace: Pace) -> None:
        self.pace = pace
        self._ports = {host: free_port() for host in site.hosts}
        super().__init__(site, rabbitmq)
        self._proxy = Proxy(self.folder, self._ports)
        self.machines = {host: self._machine(host) for host in site.hosts}
        self.watch = Watch(self.folder, self.programs / "python")
        self.traffic = Traffic(self._proxy.url, pace.clients, 30 + 2 * pace.boot)

    def api_port(self, host: str) -> int:
        return self._ports[host]

    def _configuration(self, host: str) -> str:
        more = _HEALTH_MANAGER.format(address=HOST, port=free_port())
        return super()._configuration(host) + more

    def install(self) -> None:
        super().install()
        (self.folder / "boots").mkdir()
        (self.folder / "boots" / "seconds").write_text(str(self.pace.boot))
        entry_point = self.folder / "slow_compute-1.dist-info"
        entry_point.mkdir()
        (entry_point / "METADATA").write_text("Name: slow-compute\nVersion: 1\n")
        (entry_point / "entry_points.txt").write_text(_ENTRY_POINT)
        self._proxy.configure()
        self.watch.plan.write_text(json.dumps(self._observed()))

    def configure(self, options: Mapping[str, str], kill_at: str | None = None) -> None:
        """Write each host's configurations; call it before :meth:`start`.

        :param options: changes of ``[octavia]``.
        :param kill_at: where the conductor that comes first kills itself.
        """
        for host in self.site.hosts:
            self._write_services(host, self._killing(kill_at))
            restart = [
                shlex.join([sys.executable, str(_INIT), str(self._home(host)), *asked])
                for asked in (("restart", name) for name in self.pace.services)
            ]
            commands = "\nrestart_commands = ".join(restart)
            changes = {
                "restart_commands": commands,
                "before_restart": self._proxy.hook("out", host),
                "ready_command": self.watch.ready_command(host),
                "after_restart": self._proxy.hook("in", host),
                **options,
            }
            self.site.write_configuration(host, {"octavia": changes})

    def start(self) -> None:
        """Start all hosts, the proxy and the observer; return when all are in."""
        self.watch.forget()
        for machine in self.machines.values():
            machine.start()
        self.watch.start()
        self._proxy.start()

    def kill_host(self, host: str) -> None:
        """Kill all processes of a host at once."""
        self.machines[host].kill()

    def stop(self) -> None:
        servers: list[Watch | Server] = [self.watch, self._proxy]
        for server in [*servers, *self.machines.values()]:
            with contextlib.suppress(AssertionError):  # never started
                server.kill()
        self.watch.forget()

    def stops(self, service: str) -> int:
        """How often the service got a signal to stop, on all hosts."""
        ledgers = [self._home(host) / "stops" for host in self.site.hosts]
        lines = [path.read_text().split() for path in ledgers if path.exists()]
        return sum(line.count(service) for line in lines)

    def statuses_in_database(self) -> dict[str, str]:
        """The provisioning status of each load balancer, also of deleted ones."""
        return dict(
            self.site.mariadb.execute(
                "SELECT id, provisioning_status FROM octavia.load_balancer"
            )
        )

    def give_up(self, load_balancers: Iterable[str]) -> None:
        """What an operator does with those that no worker goes on with."""
        for one in load_balancers:
            self.site.mariadb.execute(
                "UPDATE octavia.load_balancer SET provisioning_status = 'ERROR'"
                " WHERE id = %s AND provisioning_status LIKE %s",
                (one, "PENDING%"),
            )

    def pending(self) -> dict[str, str]:
        found = self.statuses_in_database()
        return {one: status for one, status in found.items() if "PENDING" in status}

    def stuck(self, patience: float) -> dict[str, str]:
        """Stop the clients; return what is still PENDING when nothing ends any more.

        :param patience: seconds without an end: longer than a boot, and than a claim
            on Octavia's jobboard of a dead worker lasts.
        """
        self.traffic.stop()
        self.traffic.save(self.folder / "requests.jsonl")
        pending, since = self.pending(), time.monotonic()
        while pending and time.monotonic() - since < patience:
            time.sleep(0.5)
            if (now := self.pending()) != pending:
                pending, since = now, time.monotonic()
        return pending

    def controller_state(self, host: str) -> str:
        """The state of the flow ``controller`` of a host."""
        flows = self.site.show()["flows"]
        return str(next(one["state"] for one in flows if one["host"] == host))

    def taken_by(self, host: str) -> set[str]:
        """The load balancers of which that host's worker got a message."""
        log = self.folder / f"octavia-worker-{host}.log"
        return set(_MESSAGE.findall(log.read_text()))

    def built_by(self, host: str) -> set[str]:
        """The load balancers for which that host's worker asked for a machine."""
        rows = self.site.mariadb.execute(
            "SELECT compute_id, load_balancer_id FROM octavia.amphora"
            " WHERE compute_id IS NOT NULL AND load_balancer_id IS NOT NULL"
        )
        boots = self.folder / "boots"
        return {
            found for machine, found in rows if (boots / machine).read_text() == host
        }

    def numbers(self, stuck: Mapping[str, str]) -> str:
        """The figures for the documents."""
        traffic = self.traffic
        return (
            f"operations {len(traffic.operations)}, of these while a controller was"
            f" out {len(self.watch.meanwhile(traffic.operations))}; load balancers"
            f" {len(self.statuses_in_database())}; stuck {len(stuck)}; refused"
            f" {len(traffic.refused)}; API stops"
            f" {self.stops('octavia-api')}; most out {self.watch.most_out()}"
        )

    @property
    def environment(self) -> dict[str, str]:
        """With the slow compute driver and its entry point."""
        found = super().environment
        search = (found["PYTHONPATH"], str(_HERE / "slow"), str(self.folder))
        found["PYTHONPATH"] = os.pathsep.join(search)
        return {**found, "SLOW_COMPUTE": str(self.folder / "boots")}

    def _home(self, host: str) -> Path:
        return self.site.folder / host

    def _machine(self, host: str) -> Server:
        return Server(
            [*new_machine(), sys.executable, str(_INIT), str(self._home(host))],
            log=self.folder / f"init-{host}.log",
            ready=(self._home(host) / "init.sock").is_socket,
            cwd=REPOSITORY,
        )

    def _write_services(self, host: str, conductor: Mapping[str, str]) -> None:
        """Tell the host's first process what to run."""
        octavia = [
            {
                "name": name,
                "argv": self.command(name, host),
                "log": str(self.folder / f"{name}-{host}.log"),
                "env": self.environment,
                "stop_timeout": self._stop_timeout(name),
            }
            for name in self.pace.services
        ]
        daemon = {
            "name": "conductor",
            "argv": self.site.daemon_command(host),
            "log": str(self.site.log(host)),
            "env": dict(conductor),
            "respawn": True,
        }
        path = self._home(host) / "services.json"
        path.write_text(json.dumps([*octavia, daemon]))

    def _stop_timeout(self, service: str) -> float:
        pauses = service == "octavia-health-manager"
        return self.pace.pausing if pauses else self.pace.stop

    @property
    def killed(self) -> bool:
        """Whether a conductor has killed itself."""
        return self._marker.exists()

    @property
    def _marker(self) -> Path:
        return self.folder / "killed"

    def _killing(self, kill_at: str | None) -> dict[str, str]:
        if kill_at is None:
            return {}
        return {
            "PYTHONPATH": str(_HERE / "killer"),
            "KILL_AT": kill_at,
            "KILL_MARKER": str(self._marker),
        }

    def _observed(self) -> dict[str, Any]:
        """What the observer looks at."""
        broker = self.rabbitmq
        return {
            "broker": {
                "host": f"{broker.host}:{broker.port}",
                "userid": broker.user,
                "password": broker.password,
            },
            "hosts": {
                host: {
                    "folder": str(self._home(host)),
                    "port": self.api_port(host),
                    "queue": f"octavia_provisioning_v2.{host}",
                }
                for host in self.site.hosts
            },
        }
