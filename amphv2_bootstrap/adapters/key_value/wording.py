# SPDX-License-Identifier: Apache-2.0
"""Texts and scratch names that all key-value checks share."""

import uuid
from collections.abc import Mapping

from amphv2_bootstrap.spec.model import Spec
from amphv2_bootstrap.spec.secret import Secrets
from amphv2_bootstrap.spec.server_errors.key_value import is_foreign

SCRATCH_SECONDS = 60
"""A scratch entry expires after this time."""

_LONGEST = 300


def scratch_name() -> str:
    """A new name for a scratch entry, outside of Octavia's namespace."""
    return f"amphv2-bootstrap-check-{uuid.uuid4()}"


def said(exc: BaseException, secrets: Secrets) -> str:
    """A client library's error in one line, without secrets.

    A server may repeat its input: old Redis answers HELLO with ``unknown command,
    with args beginning with`` and the password.
    """
    if is_foreign(exc):
        return f"an answer that can't be read ({type(exc).__name__})"
    # etcd3gw keeps the server's own text in detail_text.
    text = getattr(exc, "detail_text", None) or str(exc) or type(exc).__name__
    return " ".join(secrets.masker.text(text).split())[:_LONGEST]


def options_of(spec: Spec, name: str) -> Mapping[str, str]:
    """A dictionary option of ``spec.task_flow``; empty where it isn't set."""
    value = spec.task_flow.get(name)
    return value if isinstance(value, Mapping) else {}


def size_warnings(system: str, unit: str, count: int) -> tuple[str, ...]:
    """A warning where an ensemble has one server, or an even number of them."""
    if count == 1:
        return (f"{system} has a single {unit}: Octavia stops while it is down.",)
    if count % 2:
        return ()
    return (
        f"{system} has {count} {unit}s: an even number survives no more failures than "
        f"one {unit} less.",
    )


def place(host: str, port: int) -> str:
    """``host:port`` for a message; IPv6 in brackets."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"
