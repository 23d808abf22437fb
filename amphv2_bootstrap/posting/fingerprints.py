# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: which secrets of two controllers differ, without showing them.

A fingerprint stands in the engine's database, where whoever reads it may try passwords.
So it has only eight bits: enough to name a secret that differs (255 times of 256), too
few to confirm a guess. They are the same eight bits in every job: under another salt
each time, a few jobs would confirm one, and so would the refusals of forged jobs with
salts of an attacker's choice. Whether all secrets are equal decides the job's seal,
under the job's salt; on it only all together can be tried, and slowly. Fingerprints and
salt are deleted when the job ends.
"""

import base64
import binascii
import hmac
import os
import re
from collections.abc import Mapping, Sequence

from amphv2_bootstrap.spec.digest import slow_digest
from amphv2_bootstrap.spec.secret import Secrets

_SALT = "salt"
_SALT_LENGTH = 16
_NAME = re.compile("[a-z_]{1,64}")
_SAME = b"amphv2-bootstrap fingerprint of "


def of(secrets: Secrets, names: Sequence[str]) -> dict[str, str]:
    """Fingerprints of the named secrets, with a new salt for the job's seal."""
    salt = os.urandom(_SALT_LENGTH)
    found = {name: _digest(secrets, name) for name in names}
    return {_SALT: base64.b64encode(salt).decode(), **found}


def salt_of(wanted: Mapping[str, str]) -> bytes | None:
    """The salt of a job's fingerprints; None where there is none that can be used."""
    try:
        salt = base64.b64decode(str(wanted.get(_SALT)), validate=True)
    except (binascii.Error, ValueError):
        return None
    return salt if len(salt) == _SALT_LENGTH else None


def differences(secrets: Secrets, wanted: Mapping[str, str]) -> dict[str, str]:
    """The secrets in which this host and the poster differ, each with a clause.

    What can't be the name of a secret is left out: somebody else has written it.
    """
    if salt_of(wanted) is None:  # there are no fingerprints
        return {}
    found = {}
    named = {name for name in wanted if _NAME.fullmatch(name)}
    for name in sorted({*secrets, *named} - {_SALT}):
        if name not in secrets:
            found[name] = f"{name} is not set here"
        elif name not in wanted:
            found[name] = f"{name} is set here, but not where the job was posted"
        elif not hmac.compare_digest(
            _digest(secrets, name).encode(), str(wanted[name]).encode()
        ):
            found[name] = f"{name} differs from the poster's"
    return found


def _digest(secrets: Secrets, name: str) -> str:
    return slow_digest(secrets.text(name) or "", _SAME, name)[:1].hex()
