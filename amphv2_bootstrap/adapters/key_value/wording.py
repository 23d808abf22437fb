# SPDX-License-Identifier: Apache-2.0
"""Words for what the key-value servers say, and names for our scratch entries."""

import uuid
from collections.abc import Mapping

from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets

SCRATCH = "amphv2-bootstrap-check"
"""Every scratch entry's name begins so; none is on Octavia's namespace."""

SCRATCH_SECONDS = 60
"""After this a scratch entry is gone by itself."""

_LONGEST = 300


def scratch_name() -> str:
    """A name for one check's scratch entry, never used before."""
    return f"{SCRATCH}-{uuid.uuid4()}"


def said(exc: BaseException, secrets: Secrets) -> str:
    """What a client library reports, in one line and without secrets.

    A server may repeat what it was sent: old Redis answers HELLO with
    ``unknown command, with args beginning with`` and the password.
    """
    # etcd3gw keeps the server's words apart.
    text = getattr(exc, "detail_text", None) or str(exc) or type(exc).__name__
    return " ".join(secrets.masker.text(text).split())[:_LONGEST]


def options_of(spec: Spec, name: str) -> Mapping[str, str]:
    """A dictionary option of ``spec.task_flow``; empty where it isn't set."""
    value = spec.task_flow.get(name)
    return value if isinstance(value, Mapping) else {}


def place(host: str, port: int) -> str:
    """``host:port`` for a message; IPv6 in brackets."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"
