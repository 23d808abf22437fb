# SPDX-License-Identifier: Apache-2.0
"""Notes which controllers are out; asks no program of ours. Octavia's Python runs it.

A controller is out from the moment at which one of its services must stop until
its API listens and its worker consumes from the broker.

``observer.py PLAN note LEDGER`` appends a line of JSON whenever something changes.
``observer.py PLAN ready HOST`` is that host's ``ready_command``: it ends with 1, and
says why, while the host is out. ``observer.py PLAN forget QUEUE`` deletes the queues
of that name and of the hosts, with their messages.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import amqp  # type: ignore[import-not-found]

_LISTEN = "0A"
_EVERY = 0.1


class Broker:
    """Counts the consumers of queues, over one connection."""

    def __init__(self, where: Mapping[str, str]) -> None:
        self._where = where
        self._connection: Any = None

    def consumers(self, queue: str) -> int:
        try:
            if self._connection is None:
                self._connection = amqp.Connection(**self._where)
                self._connection.connect()
            channel = self._connection.channel()
            found = channel.queue_declare(queue, passive=True)
            channel.close()
        except amqp.exceptions.NotFound:
            # Older releases of amqp can't use a connection again after it.
            self._connection.close()
            self._connection = None
            return 0
        return int(found.consumer_count)


def listens(port: int) -> bool:
    """Whether a process accepts connections; connecting would disturb it."""
    wanted = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(
        fields[1].endswith(wanted) and fields[3] == _LISTEN
        for fields in map(str.split, lines)
    )


def missing(broker: Broker, host: Mapping[str, Any]) -> list[str]:
    """What a host lacks; nothing if it is in."""
    found = [path.name for path in Path(host["folder"]).glob("stopping-*")]
    if not listens(host["port"]):
        found.append("api")
    if not broker.consumers(host["queue"]):
        found.append("worker")
    return found


def note(plan: Mapping[str, Any], ledger: Path) -> None:
    """Write what changes, until this process is killed."""
    broker, last = Broker(plan["broker"]), None
    while True:
        now = {name: missing(broker, host) for name, host in plan["hosts"].items()}
        out = {name: what for name, what in now.items() if what}
        if out != last:
            with ledger.open("a") as notes:
                notes.write(json.dumps({"at": time.time(), "out": out}) + "\n")
            last = out
        time.sleep(_EVERY)


def ready(plan: Mapping[str, Any], name: str) -> str:
    """Why the host is out; an empty text if it is in."""
    return ", ".join(missing(Broker(plan["broker"]), plan["hosts"][name]))


def forget(plan: Mapping[str, Any], *queues: str) -> None:
    """Delete queues and their exchanges.

    Otherwise they keep messages for the next cloud, which may declare them otherwise.
    """
    with amqp.Connection(**plan["broker"]) as connection:
        for queue in queues:
            connection.channel().queue_delete(queue)
            connection.channel().exchange_delete(f"{queue}_fanout")
        connection.channel().exchange_delete("octavia")


if __name__ == "__main__":
    _file, _verb, _what = sys.argv[1:]
    the_plan = json.loads(Path(_file).read_text())
    if _verb == "note":
        note(the_plan, Path(_what))
    elif _verb == "forget":
        forget(the_plan, _what, *(host["queue"] for host in the_plan["hosts"].values()))
    else:
        sys.exit(ready(the_plan, _what) or 0)
