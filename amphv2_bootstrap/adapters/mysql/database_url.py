# SPDX-License-Identifier: Apache-2.0
"""Parses database URLs, and builds them with a password.

User name and password are percent-encoded: SQLAlchemy silently takes the part behind
an unencoded ``@`` or ``/`` in a password for the host.
"""

import string
from urllib.parse import quote, urlencode

import sqlalchemy
from sqlalchemy import exc as sqlalchemy_exc

from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import MASK
from amphv2_bootstrap.spec.tls import arguments

_ENCODE = "percent-encode the user name and the password (@ is %40, / is %2F, # is %23)"
_HOST_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-._:%")


def with_password(url: DatabaseUrl, password: str | None) -> str:
    """The URL for SQLAlchemy; :func:`parse` is the inverse.

    The result holds the password: never put it into a message.
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


def shown(url: DatabaseUrl) -> str:
    """The URL for people, who see that there is a password."""
    return with_password(url, None).replace("@", f":{MASK}@", 1)


def parse(text: str) -> tuple[DatabaseUrl, str | None]:
    """Split a SQLAlchemy URL into the URL without its password, and the password.

    :raises ValueError: it isn't a database URL, or has a special character unencoded.
        The message holds no part of the text.
    """
    url = _split(text)
    sqlite = url.drivername.split("+")[0] == "sqlite"
    if not sqlite:
        _refuse_cut(text, url)
    if "" in arguments(text).values():  # SQLAlchemy drops such an argument
        raise ValueError("an argument after '?' has no value")
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
    """Refuse a URL that parses, but that SQLAlchemy splits at a wrong place."""
    rest = text.partition("://")[2].partition("?")[0]
    separators = rest.count("@") > 1 or rest.count("/") > 1
    host_is_odd = url.host is not None and not _HOST_CHARACTERS.issuperset(url.host)
    password_is_odd = "#" in rest or "/" in rest.rpartition("@")[0]
    if separators or host_is_odd or password_is_odd:
        raise ValueError(f"it has a special character unencoded: {_ENCODE}")
