# SPDX-License-Identifier: Apache-2.0
"""Transient or permanent, and the advice about that error.

Sources: PyMySQL 1105 and sqlalchemy 8104 (a certificate that isn't trusted has the
number of a server that is away), sqlalchemy 8036 (4031 for an idle connection),
intel/iodlr PR 60 (a server left with --skip-grant-tables).
"""

import ssl

import pymysql
import pytest

from amphv2_bootstrap.adapters.mysql.errors import translated
from amphv2_bootstrap.errors import BootstrapError, PermanentError, TransientError
from amphv2_bootstrap.spec.masking import NOTHING_SECRET


def _translated(code: int, text: str, cause: Exception | None = None) -> BootstrapError:
    error = pymysql.OperationalError(code, text)
    error.__cause__ = cause
    with (
        pytest.raises(BootstrapError) as caught,
        translated("run GRANT", "db1:3306", NOTHING_SECRET),
    ):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (
            "certificate verify failed: IP address mismatch, certificate is not valid "
            "for '127.0.0.1'.",
            "subjectAltName",
        ),
        ("certificate verify failed: self-signed certificate", "ssl_ca"),
        ("certificate verify failed: certificate has expired", "renew it"),
    ],
)
def test_a_certificate_that_is_not_trusted(words: str, advice: str) -> None:
    """PyMySQL says 2003, can't connect; but waiting helps nobody."""
    text = f"Can't connect to MySQL server on '127.0.0.1' ([SSL: {words}])"
    found = _translated(2003, text, ssl.SSLCertVerificationError(1, words))
    assert isinstance(found, PermanentError)
    assert advice in found.todo
    assert "host and port" not in found.todo


def test_an_idle_connection() -> None:
    """MySQL says 4031 where it said 2006 before 8.0.24."""
    text = (
        "The client was disconnected by the server because of inactivity. See "
        "wait_timeout and interactive_timeout for configuring this behavior."
    )
    assert isinstance(_translated(4031, text), TransientError)


def test_a_server_without_accounts() -> None:
    """1290 is the number of a read-only server, too, which may pass."""
    text = "The MariaDB server is running with the --{} option so it cannot execute"
    found = _translated(1290, text.format("skip-grant-tables"))
    assert isinstance(found, PermanentError)
    assert "without that option" in found.todo
    assert "replica" not in found.todo
    assert isinstance(_translated(1290, text.format("read-only")), TransientError)
