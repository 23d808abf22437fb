# SPDX-License-Identifier: Apache-2.0
"""Telling whether two controllers hold the same secrets, without showing them."""

import base64
import hmac
import os
from collections.abc import Mapping, Sequence

from amphv2_bootstrap.engine.errors import RefusedError
from amphv2_bootstrap.spec.digest import keyed_digest
from amphv2_bootstrap.spec.secret import Secrets

_SALT = "salt"


def of(secrets: Secrets, names: Sequence[str]) -> dict[str, str]:
    """Fingerprints of the named secrets, with the salt that keyed them."""
    salt = os.urandom(16)
    found = {name: _digest(secrets, name, salt) for name in names}
    return {_SALT: base64.b64encode(salt).decode(), **found}


def check(secrets: Secrets, wanted: Mapping[str, str], host: str) -> None:
    """Compare this host's secrets with the poster's.

    :raises RefusedError: naming those that are missing here or differ.
    """
    salt = base64.b64decode(wanted[_SALT])
    problems = []
    for name, digest in wanted.items():
        if name == _SALT:
            continue
        if name not in secrets:
            problems.append(f"{name} is not set here")
        elif not hmac.compare_digest(_digest(secrets, name, salt), digest):
            problems.append(f"{name} differs from the poster's")
    if problems:
        raise RefusedError(
            "take the job",
            on=f"controller {host}",
            why="; ".join(problems),
            todo="Make the secrets of amphv2-bootstrap.conf equal on all controllers.",
        )


def _digest(secrets: Secrets, name: str, salt: bytes) -> str:
    return keyed_digest(secrets.text(name) or "", salt, name)
