# SPDX-License-Identifier: Apache-2.0
"""Takes requests as octavia-worker does, or sends them as octavia-api does.

``rpc.py CONFIG work HOST GATE`` prints the name of each request that it takes; each
lasts until the file ``GATE`` exists. SIGTERM stops it as it stops octavia-worker; it
prints ``stopping`` when it takes nothing more, and ``stopped`` at its end.
``rpc.py CONFIG send`` sends a request for each line of stdin. Octavia's Python runs it.
"""

import signal
import sys
import threading
import time
from pathlib import Path

import oslo_messaging  # type: ignore[import-not-found]
from octavia.common import config, rpc

TOPIC = "octavia_provisioning_v2"


class Endpoint:
    """Like the worker's; one request at a time in each of its threads."""

    def __init__(self, gate: str) -> None:
        self._gate = Path(gate)

    def create(self, _context: object, name: str) -> None:
        print(name, flush=True)
        while not self._gate.exists():
            time.sleep(0.05)


def work(host: str, gate: str) -> None:
    """What ``ConsumerService`` of octavia.controller.queue.v2.consumer does."""
    target = oslo_messaging.Target(topic=TOPIC, server=host, fanout=False)
    server = rpc.get_server(target, [Endpoint(gate)])
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    server.start()
    print("ready", flush=True)
    stopped.wait()
    server.stop()
    print("stopping", flush=True)
    server.wait()
    print("stopped", flush=True)


def send() -> None:
    """Print ``sent`` for each request that the broker has."""
    client = rpc.get_client(oslo_messaging.Target(topic=TOPIC))
    for line in sys.stdin:
        client.cast({}, "create", name=line.strip())
        print("sent", flush=True)


if __name__ == "__main__":
    file, verb, *rest = sys.argv[1:]
    config.init(["--config-file", file])
    rpc.init()
    if verb == "work":
        work(*rest)
    else:
        send()
