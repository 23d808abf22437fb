# SPDX-License-Identifier: Apache-2.0
"""Slow digests of secrets: each guess is expensive."""

import hashlib

# scrypt (RFC 7914): about 40 ms and 16 MB a text. Where the salt is stored, too,
# passwords can be tried: this makes it slow, not impossible.
_COST = {"n": 2**14, "r": 8, "p": 1}


def slow_digest(text: str, salt: bytes, name: str) -> bytes:
    """32 bytes, equal only for the same text, salt and name."""
    return hashlib.scrypt(text.encode(), salt=salt + name.encode(), dklen=32, **_COST)
