# SPDX-License-Identifier: Apache-2.0
"""Checks that Octavia's key-value backend works in the way that Octavia uses it.

Each driver has one module with a function :func:`check`. Only the wanted driver's
module is imported, since its client library is an extra.
"""

import importlib
from collections.abc import Iterator
from typing import Protocol, cast

from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.task_flow_group import Group, Place
from amphv2_bootstrap.spec.task_flow_rules import traps


class ClientMissingError(PermanentError):
    """This program's own client library isn't installed."""


class _Backend(Protocol):
    def check(
        self, spec: Spec, secrets: Secrets, *, timeout: float = 5.0
    ) -> tuple[str, ...]: ...


def check(spec: Spec, secrets: Secrets, *, timeout: float = 5.0) -> tuple[str, ...]:
    """Prove that Octavia can keep its jobs in the wanted key-value backend.

    Connects as the driver of Octavia 19 does, with the options of
    ``spec.task_flow`` and the secrets of the same names. Writes one scratch entry
    beside Octavia's namespace and removes it; if this process dies, the entry
    expires. Changes nothing else; safe to run at any time.

    :param timeout: seconds to wait for one answer of one server.
    :returns: warnings, full sentences.
    :raises TransientError: a server is unreachable, still starting, or has no quorum.
    :raises PermanentError: wrong credentials, wrong role, unfit settings, or the
        client library isn't installed.
    """
    warnings = tuple(_unused_by_client(spec))
    return warnings + _backend(spec.driver).check(spec, secrets, timeout=timeout)


def _unused_by_client(spec: Spec) -> Iterator[str]:
    """Warn of options that Octavia's client ignores; raise for those that break it."""
    for trap in traps(Group(spec.task_flow, Place.CLIENT)):
        if trap.severity == "fatal":
            raise PermanentError(
                "check the key-value backend",
                on=trap.option,
                why=f"it {trap.what}",
                todo=f"{trap.todo}.",
            )
        yield str(trap)


def _backend(driver: str) -> _Backend:
    try:
        return cast(_Backend, importlib.import_module(f"{__name__}.{driver}"))
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith(__name__):
            raise PermanentError(
                "check the key-value backend",
                why=f"no such driver: {driver}",
                todo="Choose redis, zookeeper or etcd.",
            ) from exc
        raise ClientMissingError(
            f"check the key-value backend ({driver})",
            why=f"its client library is missing ({exc.name})",
            todo=f"Install amphv2-bootstrap[{driver}] on this host.",
        ) from exc
