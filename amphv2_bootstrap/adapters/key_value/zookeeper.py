# SPDX-License-Identifier: Apache-2.0
"""Checks ZooKeeper as Octavia uses it.

Source: ``ZookeeperTaskFlowDriver`` in Octavia's ``taskflow_jobboard_driver.py``.
taskflow's jobboard reads the server's version by the four-letter word ``envi``.
Servers since 3.5 answer only ``srvr`` by default.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kazoo import exceptions
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KeeperState
from taskflow.utils import kazoo_utils

from amphv2_bootstrap.adapters.key_value.wording import (
    options_of,
    place,
    said,
    scratch_name,
    size_warnings,
)
from amphv2_bootstrap.adapters.key_value.zookeeper_words import environment
from amphv2_bootstrap.adapters.octavia.programs.own_rights import try_zookeeper
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec import tls as tls_traps
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.server_errors import key_value as server_errors


def check(spec: Spec, secrets: Secrets, *, timeout: float = 5.0) -> tuple[str, ...]:
    """See :func:`amphv2_bootstrap.adapters.key_value.check`."""
    servers = [place(*server) for server in spec.key_value_servers]
    tls = _tls(spec, secrets)
    away, ends = _asked(servers, tls, secrets, timeout)
    namespace = "/" + str(spec.task_flow["jobboard_backend_namespace"]).strip("/")
    with _session(",".join(servers), tls, secrets, timeout) as client:
        client.sync_async("/").get(timeout=timeout)  # answered by the leader
        try_zookeeper(client, namespace, timeout)
        path = _write(client, namespace, timeout)
        warnings = (*ends, *size_warnings("ZooKeeper", "server", len(servers)))
        if path is None:
            return (*warnings, f"Octavia may write nothing beside {namespace}.")
        for server in servers if len(servers) > 1 else ():
            if server in away:
                reason = away[server].why
                warnings += (f"A ZooKeeper server is away: {server}: {reason}.",)
            else:
                warnings += _check_member(server, path, tls, secrets, timeout)
        client.delete_async(path).get(timeout=timeout)
    return warnings


def _asked(
    servers: list[str], tls: dict[str, Any], secrets: Secrets, timeout: float
) -> tuple[dict[str, TransientError], list[str]]:
    """Why servers don't answer, and warnings of the certificates of the others.

    kazoo itself would retry, and keep the reason.

    :raises TransientError: none of them answers.
    """
    away: dict[str, TransientError] = {}
    warnings: list[str] = []
    for server in servers:
        try:
            warnings += _check_version_query(server, tls, secrets, timeout)
        except TransientError as exc:
            away[server] = exc
    if len(away) == len(servers):
        raise TransientError(
            "use the ZooKeeper ensemble",
            on=", ".join(servers),
            why="; ".join(f"{server}: {exc.why}" for server, exc in away.items()),
            todo=away[servers[0]].todo,
        )
    return away, warnings


def _tls(spec: Spec, secrets: Secrets) -> dict[str, Any]:
    options = dict(options_of(spec, "jobboard_zookeeper_ssl_options"))
    password = secrets.text("jobboard_zookeeper_keyfile_password")
    return {**options, "keyfile_password": password} if password else options


def _write(client: Any, namespace: str, timeout: float) -> str | None:
    """Write an ephemeral node beside the namespace: its path, None if forbidden."""
    folder = namespace.rpartition("/")[0]
    while folder and client.exists_async(folder).get(timeout=timeout) is None:
        folder = folder.rpartition("/")[0]
    path = f"{folder}/{scratch_name()}"
    try:
        client.create_async(path, b"", ephemeral=True).get(timeout=timeout)
    except exceptions.NoAuthError:
        return None
    return path


def _check_member(
    server: str, path: str, tls: dict[str, Any], secrets: Secrets, timeout: float
) -> tuple[str, ...]:
    """Raise unless the server sees the node that was written through the ensemble.

    Servers that form no ensemble answer well, but would split Octavia's jobs. An
    unreachable server gives only a warning: Octavia works without it.
    """
    try:
        with _session(server, tls, secrets, timeout) as client:
            client.sync_async(path).get(timeout=timeout)
            seen = client.exists_async(path).get(timeout=timeout) is not None
    except TransientError as exc:
        return (f"A ZooKeeper server accepts no session: {server}: {exc.why}.",)
    if seen:
        return ()
    raise PermanentError(
        "use the ZooKeeper ensemble",
        on=server,
        why="it does not see what was written through the other servers",
        todo="Give all servers the same server.N lines, and each its own myid.",
    )


def _check_version_query(
    server: str, tls: dict[str, Any], secrets: Secrets, timeout: float
) -> tuple[str, ...]:
    with _translated(server, secrets):
        answer, warnings = environment(server, tls, timeout)
    if "zookeeper.version" in answer:
        return warnings
    rule = server_errors.rule_of("zookeeper", answer)
    kind = TransientError if rule and rule.is_transient else PermanentError
    raise kind(
        "use the ZooKeeper ensemble",
        on=server,
        why="it does not answer 'envi', from which taskflow reads its version",
        todo=rule.advice
        if rule
        else "Correct host and port: what answers there is no ZooKeeper.",
    )


@contextmanager
def _session(
    hosts: str, tls: dict[str, Any], secrets: Secrets, timeout: float
) -> Iterator[Any]:
    """A session as Octavia opens it."""
    with _translated(hosts, secrets):
        client = kazoo_utils.make_client({"hosts": hosts, **tls})
        try:
            client.start(timeout=timeout)
            if client.client_state != KeeperState.CONNECTED:
                raise TransientError(
                    "use the ZooKeeper ensemble",
                    on=hosts,
                    why=f"the session is {client.client_state}",
                    todo="Make sure that a majority of the servers runs.",
                )
            yield client
        finally:
            kazoo_utils.finalize_client(client)


@contextmanager
def _translated(on: str, secrets: Secrets) -> Iterator[None]:
    """Turn the errors of kazoo and of sockets into ours."""
    try:
        yield
    except (exceptions.KazooException, KazooTimeoutError, OSError, ValueError) as exc:
        raise _ours(exc, on, secrets) from exc


def _ours(
    exc: Exception, hosts: str, secrets: Secrets
) -> PermanentError | TransientError:
    attempted, why = "use the ZooKeeper ensemble", said(exc, secrets)
    refused = tls_traps.refusal(exc)
    unreadable = isinstance(exc, ValueError | FileNotFoundError) or (
        isinstance(exc, OSError) and exc.filename
    )
    if refused or unreadable:
        todo = refused or "Check the files."
        if "issuer" in why or "self-signed" in why:
            todo = (
                "Add its authority to those of the operating system: Octavia's client "
                "takes no other."
            )
        todo += " See jobboard_zookeeper_ssl_options."
        return PermanentError(attempted, on=hosts, why=why, todo=todo)
    rule = server_errors.rule_of("zookeeper", server_errors.words_of(exc))
    if rule is None:  # of the network
        todo = "Start the servers, or correct host, port, firewall and TLS options."
        return TransientError(attempted, on=hosts, why=why, todo=todo)
    kind = TransientError if rule.is_transient else PermanentError
    return kind(attempted, on=hosts, why=why, todo=rule.advice)
