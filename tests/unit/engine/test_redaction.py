# SPDX-License-Identifier: Apache-2.0
"""Known secrets are masked in whatever spelling they slip out."""

import logging
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.engine.redaction import MASK, RedactingFilter, Redactor

SECRET = "p@ss:w/o#r%d$1'\\"


@pytest.mark.parametrize(
    "spelling",
    [SECRET, quote(SECRET, safe=""), SECRET.replace("$", "$$"), repr(SECRET)[1:-1]],
    ids=["plain", "url", "oslo.config", "repr"],
)
def test_masks_every_spelling(spelling: str) -> None:
    """Plain, in a URL, escaped for oslo.config, and quoted by Python."""
    text = Redactor([SECRET]).text(f"before {spelling} after")
    assert text == f"before {MASK} after"


@given(st.text(min_size=4), st.text(), st.text())
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    """Whatever stands around it, and whatever it is made of but the mask itself."""
    if secret in MASK or secret in before + after or set(secret) <= set(MASK):
        return
    masked = Redactor([secret]).text(f"{before}\n{secret}\n{after}")
    assert f"\n{secret}\n" not in masked


def test_masks_within_values() -> None:
    """Lists and dicts are gone through; other values are left."""
    value = {"a": [SECRET, 1], "b": None}
    assert Redactor([SECRET]).value(value) == {"a": [MASK, 1], "b": None}


def test_masks_log_records_with_their_tracebacks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Arguments and exceptions of a record can't bring a secret into a log."""
    logger = logging.getLogger("amphv2-test-redaction")
    caplog.handler.addFilter(RedactingFilter(Redactor([SECRET])))
    try:
        raise ValueError(f"it was {SECRET}")
    except ValueError:
        logger.exception("failed with %s", SECRET)
    assert SECRET not in caplog.text
    assert caplog.text.count(MASK) == 2
