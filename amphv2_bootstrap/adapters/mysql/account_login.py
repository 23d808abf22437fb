# SPDX-License-Identifier: Apache-2.0
"""Logging in as an account, to see which one the server takes."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.mysql.errors import ACCESS_DENIED, DatabaseRefusalError
from amphv2_bootstrap.adapters.mysql.sessions import Session, session
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import Masker

_LOOPBACK = (None, "", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Logins:
    """What came of the logins.

    ``reached`` names the accounts (user, host) that took the password, as the
    server told. ``refusal`` is its answer on the URL's own way, None if it let
    us in. ``socket_refused``: the password was refused on the administrator's
    own socket, where ``'user'@'localhost'`` is always the one that is asked.
    """

    reached: frozenset[tuple[str, str]]
    refusal: DatabaseRefusalError | None
    socket_refused: bool


def try_logins(
    url: DatabaseUrl,
    password: str,
    admin: DatabaseUrl,
    admin_session: Session,
    *,
    masker: Masker,
) -> Logins:
    """Log in, into the URL's database, on every way that we know.

    The server takes the account with the most specific host that matches, so
    one way leads to one account only: a socket to that of ``localhost``.

    :raises TransientError: the URL's own server can't be reached.
    """
    reached = set()
    refusal = None
    socket_refused = False
    try:
        reached.add(_log_in(url, password, url.database, masker))
    except DatabaseRefusalError as exc:
        refusal = exc
    socket = admin.query.get("unix_socket")
    for path in filter(None, (socket, _server_socket(admin, admin_session))):
        way = dataclasses.replace(url, query={**url.query, "unix_socket": path})
        try:
            reached.add(_log_in(way, password, url.database, masker))
        except DatabaseRefusalError as exc:
            socket_refused |= exc.code == ACCESS_DENIED and path == socket
        except BootstrapError:
            continue  # a way that isn't there proves nothing
    return Logins(frozenset(reached), refusal, socket_refused)


def _log_in(
    url: DatabaseUrl, password: str, database: str | None, masker: Masker
) -> tuple[str, str]:
    with session(url, password, masker=masker, database=database) as opened:
        user, _, host = str(opened.value("SELECT CURRENT_USER()")).rpartition("@")
        return user, host


def _server_socket(admin: DatabaseUrl, opened: Session) -> str | None:
    """The server's own socket, where the administrator's way is a loopback one.

    A refusal there proves nothing: through a tunnel it may be another server's.
    """
    if admin.host not in _LOOPBACK or "unix_socket" in admin.query:
        return None
    path = str(opened.value("SELECT @@socket") or "")
    return path if path and Path(path).exists() else None
