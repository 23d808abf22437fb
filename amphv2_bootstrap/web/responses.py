# SPDX-License-Identifier: Apache-2.0
"""Answers to requests, each with the headers that keep a browser from being misled."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_CHANGES = ("Cache-Control", "no-store")
_FIXED = ("Cache-Control", "private, max-age=31536000, immutable")
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """``is_fixed``: its address never gives anything else, so it may be kept."""

    body: bytes
    type: str = TEXT
    status: HTTPStatus = HTTPStatus.OK
    more: Sequence[tuple[str, str]] = field(default=())
    is_fixed: bool = False

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All of them, in WSGI's form."""
        return [
            ("Content-Type", self.type),
            ("Content-Length", str(len(self.body))),
            _FIXED if self.is_fixed else _CHANGES,
            *_HEADERS,
            *self.more,
        ]


def text(words: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A line or more of plain text."""
    return Response(f"{words}\n".encode(), TEXT, status)
