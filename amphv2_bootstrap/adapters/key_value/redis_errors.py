# SPDX-License-Identifier: Apache-2.0
"""redis-py's errors in our words: the one boundary."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from amphv2_bootstrap.adapters.key_value.wording import said
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
        "Allow the user all that Octavia does: keys NAMESPACE:* with the commands "
        "+@read +@write +@transaction +@scripting +@connection +info.",
    ),
    (exceptions.ReadOnlyError, "Configure the address of the master."),
    (
        exceptions.OutOfMemoryError,
        "Raise maxmemory, or remove what else is kept there.",
    ),
    (exceptions.InvalidResponse, "Make sure that host and port are those of Redis."),
)


@contextmanager
def translated(on: str, secrets: Secrets) -> Iterator[None]:
    """Turn what redis-py raises within into our errors.

    :param on: the server, for the message.
    """
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
    todo = "Mend the server: Octavia would get the same answer."
    return PermanentError(attempted, on=on, why=why, todo=todo)


def _is_about_tls(exc: BaseException | None) -> bool:
    while exc is not None:
        # The only files that redis-py opens are the certificates.
        if isinstance(exc, ssl.SSLError | FileNotFoundError | PermissionError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
