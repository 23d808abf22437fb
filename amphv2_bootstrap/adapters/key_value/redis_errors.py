# SPDX-License-Identifier: Apache-2.0
"""Turns redis-py's errors into ours."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from amphv2_bootstrap.adapters.key_value.wording import said
from amphv2_bootstrap.adapters.octavia.programs.own_rights import REDIS_RIGHTS
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec.secret import Secrets

_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.TryAgainError,
    exceptions.MasterDownError,
)
_ADVICE: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (
        (
            exceptions.AuthenticationError,
            exceptions.AuthorizationError,
            exceptions.AuthenticationWrongNumberOfArgsError,
        ),
        "Compare the configured user name and password with the server's.",
    ),
    (
        exceptions.NoPermissionError,
        REDIS_RIGHTS,
    ),
    (exceptions.ReadOnlyError, "Configure the address of the master."),
    (
        exceptions.OutOfMemoryError,
        "Raise maxmemory, or remove other data from this Redis.",
    ),
    (exceptions.InvalidResponse, "Correct host and port: no Redis answers there."),
)


@contextmanager
def translated(on: str, secrets: Secrets) -> Iterator[None]:
    """Turn redis-py's errors into ours; ``on`` names the server in messages."""
    try:
        yield
    except (exceptions.RedisError, OSError) as exc:
        raise _ours(exc, on, secrets) from exc


def _ours(exc: Exception, on: str, secrets: Secrets) -> PermanentError | TransientError:
    attempted, why = "use the Redis server", said(exc, secrets)
    for kinds, todo in _ADVICE:
        if isinstance(exc, kinds):
            return PermanentError(attempted, on=on, why=why, todo=todo)
    if _is_about_tls(exc):
        todo = "Correct the TLS options, or the server's certificate."
        return PermanentError(attempted, on=on, why=why, todo=todo)
    if isinstance(exc, _AWAY):
        todo = "Start the server, or correct host, port, firewall and TLS options."
        return TransientError(attempted, on=on, why=why, todo=todo)
    todo = "Fix the server: Octavia would get the same answer."
    return PermanentError(attempted, on=on, why=why, todo=todo)


def _is_about_tls(exc: BaseException | None) -> bool:
    while exc is not None:
        # redis-py opens no other files than certificates.
        if isinstance(exc, ssl.SSLError | FileNotFoundError | PermissionError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
