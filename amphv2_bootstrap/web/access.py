# SPDX-License-Identifier: Apache-2.0
"""Access to the page: by the token, or, without one, from this host."""

import base64
import binascii
import hmac

from amphv2_bootstrap.spec.secret import Secret

_HERE = ("localhost", "127.0.0.1", "[::1]")


def is_allowed(token: Secret | None, authorization: str) -> bool:
    """Whether the header ``Authorization`` has the token; always true without one.

    It is the text after ``Bearer``, or the password after ``Basic``, of any user.
    """
    if token is None:
        return True
    kind, _, value = authorization.partition(" ")
    given = b""
    if kind.lower() == "bearer":
        given = value.strip().encode("latin-1", "replace")
    elif kind.lower() == "basic":
        given = _password(value.strip())
    return hmac.compare_digest(given, token.reveal().encode())


def _password(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return decoded.partition(b":")[2]


def is_own_name(host: str, address: str) -> bool:
    """Whether the header ``Host`` names this host, or the address that is bound.

    Without a token a page of somebody else's could else be read by the browser of an
    operator: its name may be made to point to 127.0.0.1.
    """
    name = host.rpartition("]")[0] + "]" if "]" in host else host.partition(":")[0]
    bound = f"[{address}]" if ":" in address else address
    return name.lower() in (*_HERE, bound.lower())
