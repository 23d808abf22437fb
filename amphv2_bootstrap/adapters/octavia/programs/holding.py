# SPDX-License-Identifier: Apache-2.0
"""Holds the requests for Octavia's workers back in RabbitMQ, until the end of stdin.

A worker that stops ends what it has under way and takes nothing new. But RabbitMQ goes
on sending it requests until it closes its connection, and while it closes it,
oslo.messaging acknowledges what has come meanwhile and drops it (in the releases from
9.0 to 18.3: it deletes its fanout queue, and reads all that comes before the answer).

So a consumer with a higher priority takes the requests of all workers meanwhile. It
acknowledges none: when it ends, however it does, RabbitMQ gives them to the workers.
"""

from __future__ import annotations  # Octavia's Python may be older than ours

import importlib
import time
from typing import Any

from . import loading
from .options import received
from .reporting import InterruptedRunError, Report, run

_NEEDS = (*loading.LOOK, "octavia.common.rpc", "amqp")
_PRIORITY = 1000
_POLL_SECONDS = 0.5
_UNREAD_SECONDS = 1.0
"""For the workers, to read what RabbitMQ had sent them before."""


def _transport(report: Report) -> Any:
    """As Octavia's worker makes it; None where transport_url names no RabbitMQ."""
    rpc: Any = importlib.import_module("octavia.common.rpc")
    url = rpc.get_transport_url()
    passwords = [host.password for host in url.hosts if host.password]
    report.say(secrets=[*passwords, str(url)])
    if not url.hosts or url.transport not in ("rabbit", "kombu"):
        return None
    return rpc.create_transport(url)


def _consume(transport: Any) -> Any:
    """The connection that gets the requests; None if there is no queue yet."""
    common: Any = importlib.import_module("oslo_messaging._drivers.common")
    constants: Any = importlib.import_module("octavia.common.constants")
    exceptions: Any = importlib.import_module("amqp.exceptions")
    # The driver's own, with its options for TLS and several servers.
    connection = transport._driver._get_connection(common.PURPOSE_LISTEN)
    channel, queue = connection.channel, constants.TOPIC_AMPHORA_V2
    try:
        channel.queue_declare(queue, passive=True)
    except exceptions.NotFound:
        return None
    arguments = {"x-priority": _PRIORITY}
    channel.basic_consume(queue, callback=lambda _: None, arguments=arguments)
    return connection


def _read(connection: Any, seconds: float = float("inf")) -> None:
    amqp, until = connection.channel.connection, time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            amqp.drain_events(timeout=_POLL_SECONDS)
        except OSError as exc:
            if not isinstance(exc, TimeoutError) and type(exc).__name__ != "timeout":
                raise
        amqp.heartbeat_tick()


def program(report: Report, request: dict[str, Any]) -> None:
    """Say ``{"progress": "holds"}`` from when on a worker may be stopped."""
    with report.at("configuration"):
        loading.configuration(received(request), report)
    try:
        with report.at("broker"):
            transport = _transport(report)
            connection = transport and _consume(transport)
        if connection:
            _read(connection, _UNREAD_SECONDS)
            report.say(progress="holds")
            _read(connection)
    except InterruptedRunError:
        pass
    report.say(facts={})


def main() -> None:
    run(program, lambda: loading.prepare(_NEEDS))
