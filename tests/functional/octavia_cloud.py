# SPDX-License-Identifier: Apache-2.0
"""Real Octavia on the hosts of a site: database, API and workers.

Octavia's own no-op drivers replace the cloud's networks and virtual machines.
"""

import contextlib
import json
import os
import signal
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.functional.site import PASSWORD, Site
from tests.servers.process import Server, free_port, wait_until
from tests.servers.rabbitmq import RabbitMQServer

HOST = "127.0.0.1"
PASSPHRASE = "throwaway"
_APART = Path(__file__).parent / "octavia_apart"
_CONFIGURATION = """\
[DEFAULT]
host = {host}
transport_url = {transport_url}
# Log each change of a task's state, for the report of a failed test.
default_log_levels = octavia.common.base_taskflow=DEBUG,octavia.api.app=WARNING

[oslo_messaging]
topic = octavia_prov

[oslo_messaging_rabbit]
amqp_auto_delete = {auto_delete}

[api_settings]
bind_host = {address}
bind_port = {port}
auth_strategy = noauth

[database]
connection = mysql+pymysql://{account}@{server}/octavia

[health_manager]
heartbeat_key = throwaway

[certificates]
cert_generator = local_cert_generator
cert_manager = local_cert_manager
ca_certificate = {folder}/ca.cert.pem
ca_private_key = {folder}/ca.key.pem
ca_private_key_passphrase = {passphrase}

[controller_worker]
workers = 1
amp_active_wait_sec = 1
amphora_driver = amphora_noop_driver
compute_driver = {compute_driver}
network_driver = network_noop_driver
volume_driver = volume_noop_driver
image_driver = image_noop_driver
distributor_driver = distributor_noop_driver
client_ca = {folder}/ca.cert.pem
loadbalancer_topology = {topology}
"""
# Ends when the broker counts this many workers on Octavia's queue. Before the first
# one, the broker discards the API's messages.
_AWAIT_CONSUMERS = """\
import sys, time
import amqp
host, port, user, password, wanted = sys.argv[1:]
while True:
    # Older releases of amqp can't use a connection again after NotFound.
    connection = amqp.Connection(f"{host}:{port}", userid=user, password=password)
    connection.connect()
    try:
        found = connection.channel().queue_declare(
            "octavia_provisioning_v2", passive=True
        )
        if found.consumer_count >= int(wanted):
            break
    except amqp.exceptions.NotFound:
        pass
    connection.close()
    time.sleep(0.1)
"""


class OctaviaCloud:
    """An Octavia without a jobboard, as operators have it before the job.

    Its processes read ``site.octavia_conf(host)``.
    """

    compute_driver = "compute_noop_driver"
    # Two amphorae: twice as many tasks, with the creation of a VRRP group among them.
    topology = "ACTIVE_STANDBY"
    # The broker deletes the queue with its last worker: the next test finds none.
    auto_delete = "True"

    def __init__(self, site: Site, rabbitmq: RabbitMQServer) -> None:
        self.site = site
        self.folder = site.folder / "octavia"
        self.programs = Path(site.db_manage).parent
        self.rabbitmq = rabbitmq
        self._port = free_port()
        self._api = self._service("octavia-api", site.hosts[0])
        self._workers = {
            host: self._service("octavia-worker", host) for host in site.hosts
        }

    @property
    def environment(self) -> dict[str, str]:
        """What Octavia's processes have in addition."""
        return {
            "OCTAVIA_NOOP_DATABASE": str(self.folder / "noop.sqlite"),
            "PYTHONPATH": str(_APART),
        }

    def api_port(self, _host: str) -> int:
        return self._port

    def command(self, name: str, host: str) -> list[str]:
        """The command of that host's service."""
        config = f"--config-file={self.site.octavia_conf(host)}"
        return [str(self.programs / name), config]

    def install(self) -> None:
        """Make the main database, its account, certificates, and each octavia.conf."""
        self.folder.mkdir()
        mariadb = self.site.mariadb
        mariadb.execute("CREATE DATABASE octavia CHARACTER SET utf8mb3")
        for host in ("localhost", "%"):
            account = ("octavia", host)
            mariadb.execute("CREATE USER %s@%s IDENTIFIED BY %s", (*account, PASSWORD))
            mariadb.execute("GRANT ALL ON octavia.* TO %s@%s", account)
        for host in self.site.hosts:
            self.site.octavia_conf(host).write_text(self._configuration(host))
        self.run(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256"),
            *("-subj", "/CN=test", "-passout", f"pass:{PASSPHRASE}"),
            *("-keyout", "ca.key.pem", "-out", "ca.cert.pem"),
        )
        config = f"--config-file={self.site.octavia_conf(self.site.hosts[0])}"
        self.run(str(self.programs / "octavia-db-manage"), config, "upgrade", "head")

    def start(self) -> None:
        """Start the API and a worker on each host; return when all work."""
        for worker in self._workers.values():
            worker.start()
        self._api.start()
        broker = self.rabbitmq
        where = (broker.host, str(broker.port), broker.user, broker.password)
        python = str(self.programs / "python")
        self.run(python, "-c", _AWAIT_CONSUMERS, *where, str(len(self._workers)))

    def kill(self, host: str) -> None:
        """Send SIGKILL to all processes of that host's worker, as if the host died.

        If only the parent dies, the child works on; if only the child dies, the parent
        forks a new one.
        """
        _kill(self._workers[host])

    def restart(self, host: str) -> None:
        """End all processes of that host's worker, and start it again."""
        self.kill(host)
        self._workers[host].start()

    def stop(self) -> None:
        for server in (self._api, *self._workers.values()):
            with contextlib.suppress(AssertionError):  # never started
                _kill(server)

    def create(self, name: str) -> str:
        """Ask the API for a load balancer; return its id."""
        wanted = {
            "name": name,
            "project_id": uuid.uuid4().hex,
            "vip_network_id": str(uuid.uuid4()),
            "vip_subnet_id": str(uuid.uuid4()),
            "vip_address": "198.51.100.7",
        }
        answer = self._call("loadbalancers", {"loadbalancer": wanted})
        return str(answer["loadbalancer"]["id"])

    def statuses(self) -> dict[str, str]:
        """The provisioning status of every load balancer, from the API."""
        found = self._call("loadbalancers")["loadbalancers"]
        return {each["id"]: each["provisioning_status"] for each in found}

    def wait_until_settled(self, *load_balancers: str) -> dict[str, str]:
        """Wait until none is PENDING; return the status of each."""
        found: dict[str, str] = {}

        def settled() -> bool:
            found.update(self.statuses())
            return not any(found[each].startswith("PENDING") for each in load_balancers)

        wait_until(
            settled,
            what="no load balancer is PENDING",
            timeout=100,
            state=lambda: (found, self.worker_logs()[-6000:]),
        )
        return {each: found[each] for each in load_balancers}

    def host_of_connection(self, port: int) -> str | None:
        """The host with a worker that has a connection from local port ``port``."""
        inodes = {
            fields[9]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if int((fields := line.split())[1].rpartition(":")[2], 16) == port
        }
        sockets = {f"socket:[{inode}]" for inode in inodes - {"0"}}
        if not sockets:  # the process is dead
            return None
        for host, worker in self._workers.items():
            if sockets & _open_files(worker.pid):
                return host
        return None

    def worker_logs(self) -> str:
        """The logs of all workers, also of dead ones."""
        return "\n".join(each.log.read_text() for each in self._workers.values())

    def logs(self) -> str:
        """The end of each process's log."""
        paths = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {path}\n{path.read_text()[-20000:]}" for path in paths)

    def _call(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://{HOST}:{self._port}/v2/lbaas/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _service(self, name: str, host: str) -> Server:
        def ready() -> bool:
            # The start of a worker proves nothing: start() asks the broker.
            return name == "octavia-worker" or bool(self._call("providers"))

        return Server(
            self.command(name, host),
            log=self.folder / f"{name}-{host}.log",
            ready=ready,
            env=self.environment,
        )

    def run(self, *argv: str) -> None:
        """Run a program; it must succeed."""
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
            check=False,
            cwd=self.folder,
        )
        assert done.returncode == 0, done.stdout

    def _configuration(self, host: str) -> str:
        return _CONFIGURATION.format(
            host=host,
            transport_url=self.rabbitmq.transport_url,
            address=HOST,
            port=self.api_port(host),
            compute_driver=self.compute_driver,
            topology=self.topology,
            auto_delete=self.auto_delete,
            account=f"octavia:{quote(PASSWORD, safe='')}",
            server=f"{self.site.mariadb.host}:{self.site.mariadb.port}",
            folder=self.folder,
            passphrase=PASSPHRASE,
        )


def _kill(server: Server) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.kill()


def _open_files(group: int) -> set[str]:
    """The open files of the processes in a process group."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end at any time
            if os.getpgid(int(process.name)) == group:
                found |= {str(file.readlink()) for file in (process / "fd").iterdir()}
    return found


@contextlib.contextmanager
def running_octavia(
    site: Site, rabbitmq: RabbitMQServer, options: Mapping[str, str]
) -> Iterator[OctaviaCloud]:
    """An Octavia that got its jobboard from a job; stopped at the end.

    The site's two conductors run the job before Octavia is started.

    :param options: changes of ``[octavia]`` in each host's configuration.
    """
    cloud = OctaviaCloud(site, rabbitmq)
    cloud.install()
    for host in site.hosts:
        site.write_configuration(host, {"octavia": options})
    site.start_conductors()
    done = site.cli("post-job", "--wait", "--timeout", "120")
    assert done.returncode == 0, (done.stderr, site.log(site.hosts[0]).read_text())
    site.stop()
    try:
        cloud.start()
        yield cloud
    except BaseException:
        print(cloud.logs())
        raise
    finally:
        cloud.stop()
