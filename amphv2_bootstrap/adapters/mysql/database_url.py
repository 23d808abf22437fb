# SPDX-License-Identifier: Apache-2.0
"""Database URLs: taken apart, and put together with a password.

User name and password are percent-encoded altogether: an unencoded ``@`` or
``/`` in a password makes another host of its tail, without any error.
"""

import string
from urllib.parse import quote, urlencode

import sqlalchemy
from sqlalchemy import exc as sqlalchemy_exc

from amphv2_bootstrap.spec.database import DatabaseUrl

_ENCODE = "percent-encode the user name and the password (@ is %40, / is %2F, # is %23)"
_HOST_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-._:%")


def with_password(url: DatabaseUrl, password: str | None) -> str:
    """The URL as SQLAlchemy takes it, user name and password percent-encoded.

    The result holds the password: for the one place that needs it, never for a
    message. :func:`parse` takes it apart again.
    """
    text = f"{url.drivername}://"
    if url.username is not None:
        text += quote(url.username, safe="")
        if password is not None:
            text += ":" + quote(password, safe="")
        text += "@"
    if url.host is not None:
        text += f"[{url.host}]" if ":" in url.host else url.host
    if url.port is not None:
        text += f":{url.port}"
    if url.database is not None:
        text += "/" + quote(url.database, safe=" +/")
    if url.query:
        text += "?" + urlencode(sorted(url.query.items()), quote_via=quote, safe="/")
    return text


def parse(text: str) -> tuple[DatabaseUrl, str | None]:
    """Take a SQLAlchemy URL apart into the place and the password.

    :raises ValueError: it isn't a URL of a database, or was cut at an unencoded
        character. The reason holds no part of the text.
    """
    url = _split(text)
    sqlite = url.drivername.split("+")[0] == "sqlite"
    if not sqlite:
        _refuse_cut(text, url)
    query = {}
    for name, value in url.query.items():
        if not isinstance(value, str):
            raise ValueError("an argument after '?' is given more than once")
        query[name] = value
    parts = DatabaseUrl(
        drivername=url.drivername,
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query=query,
    )
    return parts, url.password


def _split(text: str) -> sqlalchemy.URL:
    try:
        return sqlalchemy.make_url(text)
    except (sqlalchemy_exc.ArgumentError, ValueError):
        # "from None": SQLAlchemy's own error may quote the text.
        raise ValueError(
            "it is not of the form driver://user:password@host:port/database; "
            f"in it, {_ENCODE}"
        ) from None


def _refuse_cut(text: str, url: sqlalchemy.URL) -> None:
    """Find a URL that parses, but elsewhere than its author meant."""
    rest = text.partition("://")[2].partition("?")[0]
    separators = rest.count("@") > 1 or rest.count("/") > 1
    host_is_odd = url.host is not None and not _HOST_CHARACTERS.issuperset(url.host)
    password_is_odd = "#" in rest or "/" in rest.rpartition("@")[0]
    if separators or host_is_odd or password_is_odd:
        raise ValueError(f"it has a special character unencoded: {_ENCODE}")
