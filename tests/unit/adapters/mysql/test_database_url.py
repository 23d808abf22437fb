# SPDX-License-Identifier: Apache-2.0
import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from amphv2_bootstrap.adapters.mysql import database_url
from amphv2_bootstrap.spec.database import DatabaseUrl

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(username=_TEXT, password=_TEXT)
def test_any_user_and_password_survive(username: str, password: str) -> None:
    """Building and parsing are inverse, for SQLAlchemy too."""
    url = DatabaseUrl("mysql+pymysql", username, "db1", 3306, "octavia_persistence")
    text = database_url.with_password(url, password)
    assert database_url.parse(text) == (url, password)
    assert sqlalchemy.make_url(text).password == password


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite://", DatabaseUrl("sqlite")),
        (
            "sqlite:////var/lib/x y.db",
            DatabaseUrl("sqlite", database="/var/lib/x y.db"),
        ),
        (
            "mysql+pymysql://o@[fd00::1]:3307/p?ssl_ca=/etc/ca.pem",
            DatabaseUrl(
                "mysql+pymysql", "o", "fd00::1", 3307, "p", {"ssl_ca": "/etc/ca.pem"}
            ),
        ),
        (
            "mysql+pymysql:///p?unix_socket=/run/mysqld/mysqld.sock",
            DatabaseUrl(
                "mysql+pymysql",
                database="p",
                query={"unix_socket": "/run/mysqld/mysqld.sock"},
            ),
        ),
    ],
)
def test_other_forms_survive(text: str, expected: DatabaseUrl) -> None:
    """Parsing and building keep SQLite paths, IPv6, sockets and arguments."""
    assert database_url.parse(text) == (expected, None)
    assert database_url.with_password(expected, None) == text


@pytest.mark.parametrize(
    "text",
    [
        "mysql+pymysql://o:t0p@s3cret@db/p",
        "mysql+pymysql://o:t0p/s3cret@db/p",
        "mysql+pymysql://o:t0p@x/s3cret@db/p",
        "mysql+pymysql://o:t0p#s3cret@db/p",
        "mysql+pymysql://o@db:s3cret/p",
        "s3cret",
        "mysql+pymysql://o@db/p?a=s3cret&a=t0p",
        "mysql+pymysql://o:s3cret@db/p?ssl_ca=",
    ],
)
def test_broken_urls_are_refused(text: str) -> None:
    """An unencoded character is an error, not a different host; nothing is quoted."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        database_url.parse(text)
    assert "s3cret" not in str(caught.value)
    assert "t0p" not in str(caught.value)
    assert caught.value.__cause__ is None
