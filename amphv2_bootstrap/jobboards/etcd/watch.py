# SPDX-License-Identifier: Apache-2.0
"""Messages of an etcd watch, as the JSON gateway writes them: one a line."""

import base64
import contextlib
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import requests

from amphv2_bootstrap.engine.bounded import read_json

_OF_CLAIMS = (b".lock", b".last_modified")


def messages(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The messages of a stream that comes in pieces, each as soon as it is whole."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(bytes.strip, lines)


def is_news(message: bytes) -> bool:
    """Whether a waiting conductor must look at the board after this message.

    Not after the writes of a claim: they would also wake the conductor that claimed,
    just when the flow begins. The creation of the watch is news, and so is a message
    that isn't understood.
    """
    try:
        events = read_json(message)["result"]["events"]
        return not all(map(_is_of_a_claim, events))
    except (ValueError, KeyError, TypeError):
        return True


def _is_of_a_claim(event: Any) -> bool:
    key = base64.b64decode(event["kv"]["key"])
    return event.get("type", "PUT") == "PUT" and key.endswith(_OF_CLAIMS)


def cut(stream: requests.Response) -> None:
    """End a stream that another thread is reading."""
    with (
        contextlib.suppress(OSError, ValueError, AttributeError),
        socket.socket(fileno=os.dup(stream.raw.fileno())) as connection,
    ):
        connection.shutdown(socket.SHUT_RDWR)
