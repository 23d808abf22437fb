# SPDX-License-Identifier: Apache-2.0
"""Turns redis-py's errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from amphv2_bootstrap.adapters.key_value.wording import said
from amphv2_bootstrap.adapters.octavia.programs.own_rights import REDIS_RIGHTS
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec import tls
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
    refused = tls.refusal(exc) or _unreadable_file(exc)
    if refused:
        return PermanentError(attempted, on=on, why=why, todo=refused)
    if isinstance(exc, _AWAY):
        todo = "Start the server, or correct host, port, firewall and TLS options."
        return TransientError(attempted, on=on, why=why, todo=todo)
    todo = "Fix the server: Octavia would get the same answer."
    return PermanentError(attempted, on=on, why=why, todo=todo)


def _unreadable_file(exc: BaseException | None) -> str | None:
    """The advice if a file can't be read: redis-py opens only certificates."""
    while exc is not None:
        if isinstance(exc, FileNotFoundError | PermissionError):
            return "Check the files that the TLS options name."
        exc = exc.__cause__ or exc.__context__
    return None
