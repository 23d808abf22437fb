# SPDX-License-Identifier: Apache-2.0
"""Checks Redis, with or without Sentinel, as Octavia uses it.

Source: ``RedisTaskFlowDriver`` in Octavia's ``taskflow_jobboard_driver.py``, and
``RedisJobBoard._make_client`` in taskflow.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from amphv2_bootstrap.adapters.host.certificates import socket_warnings
from amphv2_bootstrap.adapters.key_value import redis_errors, redis_fitness
from amphv2_bootstrap.adapters.key_value.wording import options_of, place
from amphv2_bootstrap.errors import BootstrapError, PermanentError, TransientError
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.task_flow_group import uses_tls

_LONGEST_WAIT = 10.0  # seconds; Sentinel's default is 30


def check(spec: Spec, secrets: Secrets, *, timeout: float = 5.0) -> tuple[str, ...]:
    """See :func:`amphv2_bootstrap.adapters.key_value.check`."""
    if spec.task_flow.get("jobboard_redis_sentinel") is not None:
        (host, port), warnings = _ask_sentinels(spec, secrets, timeout)
    else:
        (host, port), warnings = spec.key_value_servers[0], ()
    options = _backend_options(spec, secrets)
    with _connected(host, port, options, secrets, timeout) as client:
        namespace = str(spec.task_flow["jobboard_backend_namespace"])
        warnings += redis_fitness.judge(client, place(host, port), namespace)
        warnings += _certificate_warnings(client, f"Redis ({place(host, port)})")
    if _open_to_all(host, port, options, timeout):
        warnings += (
            f"Redis ({place(host, port)}) lets everybody in without a password, and "
            "accepts any password.",
        )
    return warnings


def _open_to_all(host: str, port: int, options: dict[str, Any], timeout: float) -> bool:
    """Whether the server works without credentials; it then accepts any password."""
    anonymous = {**options, "username": None, "password": None}
    with (
        suppress(BootstrapError),
        _connected(host, port, anonymous, Secrets({}), timeout) as client,
    ):
        return bool(client.ping())
    return False


def _backend_options(spec: Spec, secrets: Secrets) -> dict[str, Any]:
    options = _tls(options_of(spec, "jobboard_redis_backend_ssl_options"))
    options["db"] = spec.task_flow.get("jobboard_redis_backend_db", 0)
    options["username"] = spec.task_flow.get("jobboard_backend_username")
    options["password"] = secrets.text("jobboard_backend_password")
    return options


def _sentinel_options(spec: Spec, secrets: Secrets) -> dict[str, Any]:
    options = _tls(options_of(spec, "jobboard_redis_sentinel_ssl_options"))
    options["username"] = spec.task_flow.get("jobboard_redis_sentinel_username")
    options["password"] = secrets.text("jobboard_redis_sentinel_password")
    return options


def _tls(options: Any) -> dict[str, Any]:
    """The TLS options that taskflow passes on: none unless ``ssl`` is true."""
    return {**options, "ssl": True} if uses_tls(options) else {}


@contextmanager
def _connected(
    host: str, port: int, options: dict[str, Any], secrets: Secrets, timeout: float
) -> Iterator["redis.Redis"]:
    """A client that never retries; its errors become ours."""
    with (
        redis_errors.translated(place(host, port), secrets),
        closing(
            redis.Redis(
                host=host,
                port=port,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
                maint_notifications_config=MaintNotificationsConfig(enabled=False),
                **options,
            )
        ) as client,
    ):
        yield client


def _certificate_warnings(client: "redis.Redis", server: str) -> tuple[str, ...]:
    """Of the certificate that the server has shown to this client."""
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        return tuple(socket_warnings(connection._sock, server))
    finally:
        pool.release(connection)


def _ask_sentinels(
    spec: Spec, secrets: Secrets, timeout: float
) -> tuple[tuple[str, int], tuple[str, ...]]:
    """The master that all Sentinels name, and warnings, e.g. of unreachable ones."""
    name = str(spec.task_flow["jobboard_redis_sentinel"])
    options = _sentinel_options(spec, secrets)
    answers: dict[str, dict[str, Any]] = {}
    away: list[TransientError] = []
    warnings: tuple[str, ...] = ()
    for host, port in spec.key_value_servers:
        try:
            with _connected(host, port, options, secrets, timeout) as client:
                answers[place(host, port)] = _master_state(client, name)
                on = f"Sentinel ({place(host, port)})"
                warnings += _certificate_warnings(client, on)
        except TransientError as exc:
            away.append(exc)
    if not answers:
        raise away[0]
    warnings += _sentinel_warnings(name, answers, away)
    return _agreed(name, answers), warnings


def _master_state(client: "redis.Redis", name: str) -> dict[str, Any]:
    states: dict[str, Any] = client.sentinel_masters()  # type: ignore[assignment]
    if name in states:
        return dict(states[name])
    raise PermanentError(
        "find the Redis master",
        on=f"{name} at Sentinel",
        why="Sentinel watches no master of that name; it knows "
        + (", ".join(sorted(states)) or "none"),
        todo="Correct jobboard_redis_sentinel, or set up the master at Sentinel.",
    )


def _agreed(name: str, answers: dict[str, dict[str, Any]]) -> tuple[str, int]:
    down = [at for at, state in answers.items() if not _is_up(state)]
    addresses = {(state["ip"], int(state["port"])) for state in answers.values()}
    if not down and len(addresses) == 1:
        return addresses.pop()
    views = ", ".join(
        f"{at} says {place(state['ip'], int(state['port']))}"
        + ("" if _is_up(state) else " (down)")
        for at, state in answers.items()
    )
    raise TransientError(
        "find the Redis master",
        on=f"{name} at Sentinel",
        why=f"the Sentinels agree on no master that is up: {views}",
        todo="Wait for the fail-over to end; if it doesn't, fix the replication.",
    )


def _is_up(state: dict[str, Any]) -> bool:
    # The rule of redis-py's Sentinel.check_master_state.
    return bool(state["is_master"] and not state["is_sdown"] and not state["is_odown"])


def _sentinel_warnings(
    name: str, answers: dict[str, dict[str, Any]], away: list[TransientError]
) -> tuple[str, ...]:
    warnings = [
        f"A configured Sentinel does not answer: {exc.on}: {exc.why}." for exc in away
    ]
    state = next(iter(answers.values()))
    if int(state.get("num-slaves", 0)) == 0:
        warnings.append(f"The Redis master {name} has no replica to fail over to.")
    if len(answers) + len(away) == 1:
        warnings.append("Only one Sentinel is configured: Octavia depends on it.")
    waits = int(state.get("down-after-milliseconds", 0)) / 1000
    if waits > _LONGEST_WAIT:
        warnings.append(
            f"Sentinel waits {waits:g} s before it replaces a dead {name}, and all "
            "claims stand still meanwhile. Set sentinel down-after-milliseconds "
            f"{name} 3000 on each Sentinel."
        )
    seen = int(state.get("num-other-sentinels", 0)) + 1
    if seen < int(state.get("quorum", 1)):
        warnings.append(
            f"Sentinel needs {state['quorum']} votes to fail {name} over, "
            f"but sees {seen} Sentinels."
        )
    return tuple(warnings)
