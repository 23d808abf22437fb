# SPDX-License-Identifier: Apache-2.0
"""Turns redis-py's errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from amphv2_bootstrap.adapters.key_value.wording import said
from amphv2_bootstrap.errors import PermanentError, TransientError
from amphv2_bootstrap.spec import tls
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.server_errors import key_value as server_errors


@contextmanager
def translated(on: str, secrets: Secrets) -> Iterator[None]:
    """Turn redis-py's errors into ours; ``on`` names the server in messages."""
    try:
        yield
    except (exceptions.RedisError, OSError) as exc:
        raise _ours(exc, on, secrets) from exc


def _ours(exc: Exception, on: str, secrets: Secrets) -> PermanentError | TransientError:
    attempted, why = "use the Redis server", said(exc, secrets)
    refused = tls.refusal(exc) or _unreadable_file(exc)
    if refused:
        return PermanentError(attempted, on=on, why=why, todo=refused)
    rule = server_errors.rule_of("redis", server_errors.words_of(exc))
    if rule is None:
        todo = "Fix the server: Octavia would get the same answer."
        return PermanentError(attempted, on=on, why=why, todo=todo)
    kind = TransientError if rule.is_transient else PermanentError
    return kind(attempted, on=on, why=why, todo=rule.advice)


def _unreadable_file(exc: BaseException | None) -> str | None:
    """The advice if a file can't be read: redis-py opens only certificates."""
    while exc is not None:
        if isinstance(exc, FileNotFoundError | PermissionError):
            return "Check the files that the TLS options name."
        exc = exc.__cause__ or exc.__context__
    return None
