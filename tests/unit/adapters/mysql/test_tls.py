# SPDX-License-Identifier: Apache-2.0
"""The quick TLS context is PyMySQL's own, but for the authorities nobody asks."""

import ssl
from typing import Any

import pymysql
import pytest

from amphv2_bootstrap.adapters.mysql.tls import Connection


def context(kind: type[pymysql.Connection], options: dict[str, Any]) -> ssl.SSLContext:
    """What that class makes, without connecting."""
    return kind(defer_connect=True, **options).ctx


def what_counts(one: ssl.SSLContext) -> tuple[Any, ...]:
    ciphers = [cipher["name"] for cipher in one.get_ciphers()]
    return (one.verify_mode, one.check_hostname, one.minimum_version, ciphers)


def test_preferred_as_before() -> None:
    """Without options it is as strict as PyMySQL's, and knows no authority."""
    quick = context(Connection, {})
    own = context(pymysql.connections.Connection, {})
    assert what_counts(quick) == what_counts(own)
    assert quick.options == own.options
    assert quick.get_ca_certs() == []


@pytest.mark.parametrize(
    "options", [{"ssl_verify_cert": True}, {"ssl": {"verify_mode": "required"}}]
)
def test_options_are_pymysqls(options: dict[str, Any]) -> None:
    """With options the context is PyMySQL's."""
    found = context(Connection, options)
    assert what_counts(found) == what_counts(
        context(pymysql.connections.Connection, options)
    )
    assert found.verify_mode == ssl.CERT_REQUIRED
