# SPDX-License-Identifier: Apache-2.0
"""Texts that can be compared across hosts, but not be read or guessed cheaply."""

import base64
import hashlib

# scrypt (RFC 7914): about 10 ms and 4 MB a text. The salt lies beside the digests, so
# that passwords can be tried on them: this makes it slow, not impossible.
_COST = {"n": 2**12, "r": 8, "p": 1}


def keyed_digest(text: str, salt: bytes, name: str) -> str:
    """Equal for equal texts under the same salt and name, and only for those."""
    key = hashlib.scrypt(text.encode(), salt=salt + name.encode(), **_COST)
    return base64.b64encode(key[:24]).decode()
