# SPDX-License-Identifier: Apache-2.0
"""Texts of key-value servers, without secrets."""

import pytest

from amphv2_bootstrap.adapters.key_value.wording import place, said
from amphv2_bootstrap.spec.secret import Secrets


def test_a_server_that_repeats_the_password() -> None:
    """A password that old Redis quotes in its answer to HELLO is masked."""
    words = "unknown command `HELLO`, with args beginning with: `AUTH`, `p@ss`,"
    text = said(OSError(words), Secrets({"jobboard_backend_password": "p@ss"}))
    assert text == words.replace("p@ss", "***")


def test_one_line_of_bounded_length() -> None:
    """A long answer is cut after masking, never inside a secret."""
    secret = "s" * 40
    text = said(OSError("a\nb " + "x" * 280 + secret), Secrets({"n": secret}))
    assert len(text) <= 300
    assert text.startswith("a b x")
    assert "ss" not in text


@pytest.mark.parametrize(
    ("host", "shown"), [("kv1", "kv1:1"), ("::1", "[::1]:1"), ("[::1]", "[::1]:1")]
)
def test_place(host: str, shown: str) -> None:
    """IPv6 is bracketed once."""
    assert place(host, 1) == shown


def test_an_error_of_no_library_keeps_its_text() -> None:
    """It may quote a secret that no masker knows: only its type is shown."""
    assert said(KeyError("unknown-secret"), Secrets({})) == (
        "an answer that can't be read (KeyError)"
    )
