# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: compare the secrets of two controllers without showing them."""

import base64
import hmac
import os
from collections.abc import Mapping, Sequence

from amphv2_bootstrap.engine.errors import RefusedError
from amphv2_bootstrap.engine.records import NewSecrets
from amphv2_bootstrap.spec.digest import keyed_digest
from amphv2_bootstrap.spec.secret import Secrets

_SALT = "salt"


def of(secrets: Secrets, names: Sequence[str]) -> dict[str, str]:
    """Fingerprints of the named secrets, with the salt that keys them."""
    salt = os.urandom(16)
    found = {name: _digest(secrets, name, salt) for name in names}
    return {_SALT: base64.b64encode(salt).decode(), **found}


def differing(secrets: Secrets, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the secrets that are missing here or differ from the wanted."""
    salt = base64.b64decode(wanted[_SALT])
    return tuple(
        name
        for name in _names(wanted)
        if name not in secrets
        or not hmac.compare_digest(_digest(secrets, name, salt), wanted[name])
    )


def check(secrets: Secrets, wanted: Mapping[str, str], host: str) -> None:
    """Compare this host's secrets with the poster's.

    :raises RefusedError: naming those that are missing here or differ.
    """
    problems = [
        f"{name} differs from the poster's"
        if name in secrets
        else f"{name} is not set here"
        for name in differing(secrets, wanted)
    ]
    if problems:
        raise RefusedError(
            "take the job",
            on=f"controller {host}",
            why="; ".join(problems),
            todo="Make the secrets of amphv2-bootstrap.conf equal on all controllers, "
            "and reload the conductors. If this host has the right ones, run "
            "'amphv2-bootstrap job resume' here: the job takes them.",
        )


def renewal(
    secrets: Secrets, wanted: Mapping[str, str], host: str
) -> NewSecrets | None:
    """The change that makes this host's secrets the wanted ones; None if they are.

    :raises RefusedError: naming those that are missing here.
    """
    names = differing(secrets, wanted)
    missing = [name for name in names if name not in secrets]
    if missing:
        raise RefusedError(
            "take this host's secrets for the job",
            on=f"controller {host}",
            why=f"{', '.join(missing)} is not set here",
            todo="Set it in amphv2-bootstrap.conf, or resume the job on a controller "
            "that has it.",
        )
    return NewSecrets(names, of(secrets, _names(wanted))) if names else None


def _names(wanted: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in wanted if name != _SALT)


def _digest(secrets: Secrets, name: str, salt: bytes) -> str:
    return keyed_digest(secrets.text(name) or "", salt, name)
