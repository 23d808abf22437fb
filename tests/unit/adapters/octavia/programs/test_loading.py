# SPDX-License-Identifier: Apache-2.0
"""Which texts of a configuration are kept out of what the programs tell."""

import pytest

from amphv2_bootstrap.adapters.octavia.programs.loading import secrets_of


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("plain", {"plain"}),
        ("m://o@db/p", set()),
        ("m://o:p%40ss@db/p", {"p%40ss", "p@ss"}),
        ("m://o:p?w@db/p", {"p?w"}),
        ("m://o@db/p?charset=utf8&password=p%2Bw", {"p%2Bw", "p+w"}),
        ("m://o:one@db/p?passwd=two+w&ssl_key_password=three", {"one", "two w"}),
        ("m://o@db/p?password=first&password=second", {"first", "second"}),
    ],
)
def test_secrets_of_an_option(value: str, found: set[str]) -> None:
    """The whole value; of a URL also the passwords, wherever they stand."""
    assert secrets_of(value) >= {value} | found
    assert not {"utf8", "", "charset"} & secrets_of(value)
