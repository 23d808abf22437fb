# SPDX-License-Identifier: Apache-2.0
"""Logs in as a user, to see which of its accounts the server chooses."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from amphv2_bootstrap.adapters.mysql.errors import DatabaseRefusalError
from amphv2_bootstrap.adapters.mysql.sessions import Session, session
from amphv2_bootstrap.errors import BootstrapError
from amphv2_bootstrap.spec.database import DatabaseUrl
from amphv2_bootstrap.spec.masking import Masker
from amphv2_bootstrap.spec.server_errors.mysql import ACCESS_DENIED

_LOOPBACK = (None, "", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Logins:
    """The results of the logins.

    ``reached`` has the accounts (user, host) that accepted the password. ``refusal`` is
    the error of the login by the URL itself, None if that succeeded.
    ``socket_refused``: the administrator's socket refused the password; there the
    server always chooses ``'user'@'localhost'``.
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
    """Log in to the URL's database by TCP and by each socket that is known.

    The server chooses the account with the most specific matching host, so each way
    reaches one account only; a socket reaches that of ``localhost``.

    :raises TransientError: the URL's server can't be reached.
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
            continue  # an unusable socket proves nothing
    return Logins(frozenset(reached), refusal, socket_refused)


def _log_in(
    url: DatabaseUrl, password: str, database: str | None, masker: Masker
) -> tuple[str, str]:
    with session(url, password, masker=masker, database=database) as opened:
        user, _, host = str(opened.value("SELECT CURRENT_USER()")).rpartition("@")
        return user, host


def _server_socket(admin: DatabaseUrl, opened: Session) -> str | None:
    """The server's socket, if the administrator connects by a loopback address.

    A refusal by it proves nothing: behind a tunnel, a different server may own it.
    """
    if admin.host not in _LOOPBACK or "unix_socket" in admin.query:
        return None
    path = str(opened.value("SELECT @@socket") or "")
    return path if path and Path(path).exists() else None
