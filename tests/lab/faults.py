# SPDX-License-Identifier: Apache-2.0
"""What breaks single services of a lab, and what an operator does about it."""

import signal
import subprocess

from tests.functional.site import OCTAVIA_CONF
from tests.lab.lab import HOSTS, Lab
from tests.servers.process import binary
from tests.servers.redis import MASTER_NAME, SENTINEL_PASSWORD


def kill_galera(lab: Lab, *names: str) -> None:
    """Kill the database servers of these hosts."""
    nodes = [lab.hosts[name].services["galera"] for name in names]
    for node in nodes:
        node.signal(signal.SIGKILL)
    for node in nodes:
        node.wait()


def begin_galera(lab: Lab) -> None:
    """Start the nodes after all died: the most advanced one begins the cluster."""
    positions = {
        host.name: host.node.position(host.machine) for host in lab.hosts.values()
    }
    first = lab.hosts[max(positions, key=positions.__getitem__)]
    first.node.allow_first()
    first.services["galera"].argv = first.node.argv(first=True)
    for host in lab.hosts.values():
        host.services["galera"].start()
    lab.wait_until_whole()


def writers(lab: Lab) -> list[str]:
    """The hosts with a Galera node to which conductors are connected."""
    return [host.name for host in lab.hosts.values() if host.node.is_written_to]


def restart_conductor(lab: Lab, name: str) -> None:
    """Kill a conductor and start it again."""
    conductor = lab.hosts[name].services["conductor"]
    conductor.signal(signal.SIGKILL)
    conductor.wait()
    conductor.start()


def move_redis(lab: Lab) -> None:
    """Have the Sentinels choose another master, as an operator can."""
    machine = lab.running[0].machine
    env = {"REDISCLI_AUTH": SENTINEL_PASSWORD}
    failover = ("-p", "26379", "SENTINEL", "FAILOVER", MASTER_NAME)
    argv = machine.inside([binary("redis-cli"), *failover])
    done = subprocess.run(
        argv, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "OK", (done.stdout, done.stderr)


def reset(lab: Lab) -> None:
    """Undo what a job did to the cloud, so that the next one has everything to do.

    The engine's database keeps the jobs.
    """
    node = lab.hosts[HOSTS[0]].node
    node.execute("DROP DATABASE IF EXISTS octavia_persistence")
    for account in ("localhost", "%"):
        node.execute(f"DROP USER IF EXISTS octavia@'{account}'")
    for host in lab.hosts:
        lab.configuration.octavia_conf(host).write_bytes(OCTAVIA_CONF.read_bytes())
    lab.programs.unlink(missing_ok=True)
