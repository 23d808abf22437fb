# SPDX-License-Identifier: Apache-2.0
"""Digests by which hosts compare secrets; a secret is expensive to guess."""

import base64
import hashlib

# scrypt (RFC 7914): about 10 ms and 4 MB a text. The salt is stored with the digests,
# so passwords can be tried on them: this makes it slow, not impossible.
_COST = {"n": 2**12, "r": 8, "p": 1}


def keyed_digest(text: str, salt: bytes, name: str) -> str:
    """Two digests are equal only for the same text, salt and name."""
    key = hashlib.scrypt(text.encode(), salt=salt + name.encode(), **_COST)
    return base64.b64encode(key[:24]).decode()
