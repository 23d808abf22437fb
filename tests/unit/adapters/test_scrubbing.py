# SPDX-License-Identifier: Apache-2.0
"""No form of a secret comes through."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.adapters.mysql.database_url import with_password
from amphv2_bootstrap.adapters.scrubbing import scrub
from amphv2_bootstrap.spec.database import DatabaseUrl

SECRET = "p@s:s/w#o%r$d'\\\"x"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        repr(SECRET),
        quote(SECRET, safe=""),
        SECRET.replace("$", "$$"),
        with_password(DatabaseUrl("mysql", "u", "h"), SECRET),
        "IDENTIFIED BY 'p@s:s/w#o%r$d\\'\\\\\\\"x'",
        "IDENTIFIED BY 'p@s:s/w#o%r$d''\\\"x'",
    ],
)
def test_forms(form: str) -> None:
    """Plain, encoded, quoted and doubled forms are masked."""
    text = scrub(f"said: {form}!", [SECRET])
    assert "***" in text
    assert "s:s" not in text
    assert "p%40" not in text
    assert text.startswith("said: ")


@given(st.text(min_size=1), st.text(), st.text())
def test_anything_masked(secret: str, before: str, after: str) -> None:
    """A secret is found anywhere in a text, unless it is in the mask itself."""
    if secret not in "***" and "*" not in secret:
        assert secret not in scrub(before + secret + after, [secret]).replace("***", "")


def test_empty_secrets_mask_nothing() -> None:
    """A secret that isn't set doesn't turn the text into asterisks."""
    assert scrub("text", ["", "other"]) == "text"
