# SPDX-License-Identifier: Apache-2.0
"""Real Octavia on the hosts of a site: its API, its workers, its no-op drivers.

Each host's worker comes to the main database from a loopback address of its own,
as from a machine of its own: the server's own list of who waits for a lock tells
which host is in the middle of a flow.
"""

import contextlib
import json
import os
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql

from tests.functional.site import PASSWORD, Site
from tests.servers.process import Server, free_port, wait_until
from tests.servers.rabbitmq import RabbitMQServer

HOST = "127.0.0.1"
PASSPHRASE = "throwaway"
_APART = Path(__file__).parent / "octavia_apart"


@dataclass
class OctaviaCloud:
    """The control plane as it is before the bootstrap, and its processes."""

    site: Site
    rabbitmq: RabbitMQServer

    def __post_init__(self) -> None:
        self.bin = Path(self.site.db_manage).parent
        self.folder = self.site.folder / "octavia"
        self.folder.mkdir()
        self.port = free_port()
        self.api = self._service("octavia-api", self.site.hosts[0], self._api_answers)
        self.workers = {
            host: self._service(
                "octavia-worker", host, lambda host=host: self._consumes(host)
            )
            for host in self.site.hosts
        }

    def install(self) -> None:
        """Main database with its account, certificates, octavia.conf: no jobboard."""
        mariadb = self.site.mariadb
        mariadb.execute("CREATE DATABASE octavia CHARACTER SET utf8mb3")
        for host in ("localhost", "%"):
            account = ("octavia", host)
            mariadb.execute("CREATE USER %s@%s IDENTIFIED BY %s", (*account, PASSWORD))
            mariadb.execute("GRANT ALL ON octavia.* TO %s@%s", account)
        self._make_authority()
        for number, host in enumerate(self.site.hosts):
            path = self.site.octavia_conf(host)
            path.write_text(self._configuration(host, f"127.0.0.{number + 2}"))
        self._run(
            str(self.bin / "octavia-db-manage"),
            f"--config-file={self.site.octavia_conf(self.site.hosts[0])}",
            "upgrade",
            "head",
        )

    def address(self, host: str) -> str:
        """Where that host's worker comes from."""
        return f"127.0.0.{list(self.site.hosts).index(host) + 2}"

    def start(self) -> None:
        """The API, then every worker."""
        self.api.start()
        for worker in self.workers.values():
            worker.start()

    def kill(self, host: str) -> None:
        """SIGKILL to all processes of that host's worker, as when the host dies."""
        worker = self.workers[host]
        os.killpg(worker.pid, 9)
        worker.kill()

    def stop(self) -> None:
        for server in (*self.workers.values(), self.api):
            with contextlib.suppress(AssertionError, ProcessLookupError):
                os.killpg(server.pid, 9)
                server.kill()

    def create(self, name: str) -> str:
        """Ask the API for a load balancer; its id."""
        wanted = {
            "name": name,
            "project_id": uuid.uuid4().hex,
            "vip_subnet_id": str(uuid.uuid4()),
            "vip_network_id": str(uuid.uuid4()),
            "vip_address": "198.51.100.7",
        }
        answer = self._call("loadbalancers", {"loadbalancer": wanted})
        return str(answer["loadbalancer"]["id"])

    def status(self, load_balancer: str) -> str:
        """Its provisioning status, from the API."""
        answer = self._call(f"loadbalancers/{load_balancer}")
        return str(answer["loadbalancer"]["provisioning_status"])

    def wait_until_active(self, load_balancer: str, timeout: float = 60) -> None:
        wait_until(
            lambda: not self.status(load_balancer).startswith("PENDING"),
            what=f"load balancer {load_balancer} leaves its pending state",
            timeout=timeout,
        )
        assert self.status(load_balancer) == "ACTIVE"

    def logs(self) -> str:
        """The end of each process's log."""
        found = []
        for path in sorted(self.folder.glob("*.log")):
            found.append(f"--- {path.name}\n{path.read_text()[-8000:]}")
        return "\n".join(found)

    def _call(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://{HOST}:{self.port}/v2/lbaas/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _api_answers(self) -> bool:
        return "providers" in self._call("providers")

    def _consumes(self, host: str) -> bool:
        return False

    def _service(self, name: str, host: str, ready: Any) -> Server:
        return Server(
            [
                str(self.bin / name),
                f"--config-file={self.site.octavia_conf(host)}",
            ],
            log=self.folder / f"{name}-{host}.log",
            ready=ready,
            env=self._environment(),
            cwd=self.folder,
        )

    def _environment(self) -> dict[str, str]:
        return {
            "OCTAVIA_NOOP_DATABASE": str(self.folder / "noop.sqlite"),
            "PYTHONPATH": str(_APART),
        }

    def _run(self, *argv: str) -> None:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr

    def _make_authority(self) -> None:
        self._run(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256"),
            *("-subj", "/CN=test", "-passout", f"pass:{PASSPHRASE}"),
            *("-keyout", "ca.key.pem", "-out", "ca.cert.pem", "-days", "3"),
        )

    def _configuration(self, host: str, address: str) -> str:
        account = f"octavia:{quote(PASSWORD, safe='')}"
        server = f"{self.site.mariadb.host}:{self.site.mariadb.port}"
        certificate = self.folder / "ca.cert.pem"
        return f"""\
[DEFAULT]
host = {host}
debug = True
transport_url = {self.rabbitmq.transport_url}

[oslo_messaging]
topic = octavia_prov

[oslo_messaging_rabbit]
# What a worker of another test left must not come to these.
amqp_auto_delete = True

[api_settings]
bind_host = {HOST}
bind_port = {self.port}
auth_strategy = noauth
enabled_provider_drivers = amphorav2: Octavia's own.
default_provider_driver = amphorav2

[database]
connection = mysql+pymysql://{account}@{server}/octavia?bind_address={address}

[health_manager]
heartbeat_key = throwaway

[certificates]
cert_generator = local_cert_generator
cert_manager = local_cert_manager
ca_certificate = {certificate}
ca_private_key = {self.folder}/ca.key.pem
ca_private_key_passphrase = {PASSPHRASE}

[controller_worker]
workers = 1
amphora_driver = amphora_noop_driver
compute_driver = compute_noop_driver
network_driver = network_noop_driver
volume_driver = volume_noop_driver
image_driver = image_noop_driver
distributor_driver = distributor_noop_driver
client_ca = {certificate}
loadbalancer_topology = ACTIVE_STANDBY

[task_flow]
engine = parallel
"""
